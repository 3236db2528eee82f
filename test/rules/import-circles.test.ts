import { globSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { importsIn, importsOf } from './imports-of.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** The sets of files that reach each other (Tarjan's strongly connected components of more than one file). */
function circlesOf(imports: ReadonlyMap<string, readonly string[]>): readonly (readonly string[])[] {
  const found: string[][] = []
  const seen = new Map<string, { readonly index: number; low: number; isOpen: boolean }>()
  const open: string[] = []
  const visit = (file: string) => {
    const node = { index: seen.size, low: seen.size, isOpen: true }
    seen.set(file, node)
    open.push(file)
    for (const next of imports.get(file) ?? []) {
      if (!imports.has(next)) continue
      const other = seen.get(next) ?? visit(next)
      if (other.isOpen) node.low = Math.min(node.low, other.low)
    }
    if (node.low < node.index) return node
    const circle = open.splice(open.indexOf(file))
    for (const each of circle) seen.get(each)!.isOpen = false
    if (circle.length > 1 || imports.get(file)?.includes(file)) found.push(circle)
    return node
  }
  for (const file of imports.keys()) if (!seen.has(file)) visit(file)
  return found
}

const describe = (circle: readonly string[]) =>
  circle
    .map((file) => relative(join(root, 'packages'), file))
    .sort()
    .join(' ')

test("no file of a package imports itself by way of others, not even for a type's sake", () => {
  const packages = globSync('packages/*', { cwd: root }).map((path) => join(root, path))
  const circles = packages.flatMap((folder) => circlesOf(importsOf(folder)).map(describe))
  expect(circles).toEqual([])
})

test('a circle is found, also one of types and one of three files', () => {
  const imports = new Map([
    ['/a.ts', importsIn("import type { B } from './b.ts'\nimport { x } from 'node:fs'\n", '/')],
    ['/b.ts', importsIn("export {\n  c,\n} from './c.ts'\n", '/')],
    ['/c.ts', importsIn("import './a.ts'\n", '/')],
    ['/d.ts', importsIn("import { a } from './a.ts'\n", '/')],
  ])
  expect(circlesOf(imports).map((circle) => [...circle].sort())).toEqual([['/a.ts', '/b.ts', '/c.ts']])
})
