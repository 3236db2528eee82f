import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { retiredWords } from './retired-words.ts'

/** What people read: code, comments, log lines, errors, pages. */
const texts = [
  '*.md',
  '{docs,apps,packages,.changeset}/**/*.{ts,tsx,md,sql,html}',
  '{bench,torture}/README.md',
  'test/snippets/**/*.{ts,tsx,sql}',
]
/** SQL that has run in databases and never changes, titles of books, and what only tests and this repository's servers use. */
const left = /migrations\/00\d\d-|catalogue\/books.ts$|\.test\.tsx?$|\/contract\/|^packages\/servers\//

const root = fileURLToPath(new URL('../..', import.meta.url))
const findings = globSync(texts, { cwd: root, exclude: (path) => /node_modules|dist/.test(path) })
  .filter((path) => !left.test(path))
  .sort()
  .flatMap((path) => findIn(path, readFileSync(join(root, path), 'utf8')))

for (const finding of findings) console.error(finding)
if (findings.length > 0) {
  console.error(`${findings.length} lines use words that the project has retired (test/rules/retired-words.ts).`)
  process.exitCode = 1
}

function findIn(path: string, text: string): string[] {
  return text.split('\n').flatMap((line, index) =>
    retiredWords.flatMap(({ pattern, instead }) => {
      const [found] = pattern.exec(line) ?? []
      return found === undefined ? [] : [`${path}:${index + 1}: "${found}": write ${instead}`]
    }),
  )
}
