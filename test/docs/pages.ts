import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

/** The pages that quote code. */
export const pages: readonly string[] = globSync(['{README,CONTRIBUTING}.md', 'docs/**/*.md', 'packages/*/README.md'], {
  cwd: root,
  exclude: (path) => path.includes('node_modules'),
}).sort()

/** A fence, and the comment before it that says which code it quotes. */
export const fencePattern: RegExp = /(?:^<!-- snippet: (\S+) -->\n\s*)?^```(\w*)\n(.*?)^```$/gms

/** A file, or the lines between `// #region name` and `// #endregion name` in it, without the marks of other regions. */
export function snippetText(snippet: string): string {
  const [path = '', region] = snippet.split('#')
  const lines = readFileSync(join(root, path), 'utf8').split('\n')
  const [start, end] = ['region', 'endregion'].map((mark) => lines.indexOf(`// #${mark} ${region}`))
  if (region !== undefined && !(start! >= 0 && end! > start!)) throw new Error(`${path} has no region ${region}.`)
  const shown = region === undefined ? lines : lines.slice(start, end)
  return shown
    .filter((line) => !/^\/\/ #(end)?region /.test(line))
    .join('\n')
    .trim()
}
