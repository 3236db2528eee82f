import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { root } from './pages.ts'

const page = readFileSync(join(root, 'docs/reference/logs.md'), 'utf8')
const listed = [...page.matchAll(/^\| ([A-Z_]+) +\|/gm)].map(([, code = '']) => code)
const logged = new Set(
  globSync('packages/*/src/**/*.ts', { cwd: root })
    .filter((file) => !/\.test\.ts$|\/contract\/|packages\/servers\//.test(file))
    .flatMap((file) => codesIn(readFileSync(join(root, file), 'utf8'))),
)

/** Codes that a line or a health gives by itself; those of error classes are in errors.md, others are tRPC's or the network's. */
function codesIn(text: string): string[] {
  const places = text.matchAll(
    /(.{0,40}?)(?:\bcode: |\bconst code = |createWarning\(\s*|^ +[a-z]*:? ?\[\s*)([^,}]*)/gms,
  )
  return [...places]
    .filter(([, before = '']) => !/readonly |(TRPCError|super)\(\{\s*$/.test(before))
    .flatMap(([, , value = '']) => [...value.matchAll(/'([A-Z]+(?:_[A-Z]+)*)'/g)])
    .map(([, code = '']) => code)
    .filter((code) => !/^E[A-Z]+$/.test(code))
}

test('every code that the packages log is in a table of logs.md', () => {
  expect(logged.size).toBeGreaterThan(60)
  expect([...logged].filter((code) => !listed.includes(code))).toEqual([])
})

test('the tables of logs.md list each code once in a section, and none that nothing logs', () => {
  const errors = readFileSync(join(root, 'docs/reference/errors.md'), 'utf8')
  const known = (code: string) => logged.has(code) || new RegExp(`^\\| ${code} `, 'm').test(errors)
  expect(listed.filter((code) => !known(code))).toEqual([])
  expect(listed.filter((code, index) => listed.indexOf(code) !== index)).toEqual([])
})
