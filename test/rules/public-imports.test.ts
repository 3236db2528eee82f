import { spawnSync } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** What a reader copies: guides, the code that they show, and the apps. */
const shown = globSync(
  ['README.md', 'docs/guides/**/*.md', 'docs/reference/**/*.md', 'test/snippets/**/*', 'apps/**/*.{ts,tsx,md}'],
  { cwd: root, exclude: (path) => /(^|\/)(node_modules|dist)(\/|$)/.test(path) },
).filter((file) => /\.\w+$/.test(file))

/** Packages that may be named: what applications install, and the parts of this repository's apps. */
const open = /^@commitcast\/(client(\/react)?|bookshop(\/[\w-]+)?|servers|\w+-app)$/

test('guides and apps import from commitcast and @commitcast/client, and from no internal package', () => {
  expect(shown.length).toBeGreaterThan(80)
  const inside = shown.flatMap((file) => {
    const named = readFileSync(join(root, file), 'utf8').matchAll(/@commitcast\/[\w-]+(\/[\w-]+)*/g)
    const refused = [...named].filter(([name]) => !open.test(name))
    return refused.map(([name]) => `${file}: ${name}`)
  })
  expect(inside).toEqual([])
})

/** The packages that an import loads, by name; ours as `outbox`. */
function loadedBy(specifier: string): string[] {
  const script = `
    import { registerHooks } from 'node:module'
    const urls = []
    registerHooks({ resolve(name, context, next) { const found = next(name, context); urls.push(found.url); return found } })
    await import('${specifier}')
    console.log(JSON.stringify(urls))`
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: join(root, 'test'),
    encoding: 'utf8',
  })
  const names = (JSON.parse(stdout) as string[]).flatMap((url) => {
    const [, own, other] = /\/packages\/([\w-]+)\/|.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url) ?? []
    return own ?? other ?? []
  })
  return [...new Set(names)].sort()
}

test('a writer loads neither a broker client nor a driver', () => {
  const small = ['copy-anything', 'events', 'superjson']
  expect(loadedBy('commitcast/append')).toEqual(
    ['broker', 'commitcast', 'kysely', 'outbox', 'uuid', 'worker', ...small].sort(),
  )
  expect(loadedBy('commitcast/events')).toEqual(['commitcast', ...small].sort())
})
