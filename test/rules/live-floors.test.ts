import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../packages/', import.meta.url))

/** Each folder of packages/live, and those that it may import. */
const floors: Readonly<Record<string, readonly string[]>> = {
  hub: [],
  hints: [],
  permission: ['hub'],
  subscription: ['hub', 'hints', 'permission'],
  transport: [],
  'transport/sse': ['transport'],
  'transport/websocket': ['hub', 'transport'],
  'transport/trpc': ['hub', 'hints', 'permission', 'subscription', 'transport', 'transport/sse', 'transport/websocket'],
}

test('the folders of live import those below them only', () => {
  const arrows = [...importsOf('live/src')].flatMap(([file, imported]) => imported.map((to) => [file, to] as const))
  const wrong = arrows.filter(([file, to]) => {
    const [from, below] = [dirname(file), dirname(to)]
    return from !== '.' && from !== below && !floors[from]?.includes(below)
  })
  expect(wrong).toEqual([])
})

test.each(['live/src', 'client/src'])(
  'no file of %s imports itself through others, not for a type either',
  (folder) => {
    const imports = importsOf(folder)
    const finished = new Set<string>()
    const circles: string[] = []
    const visit = (file: string, path: readonly string[]) => {
      if (path.includes(file)) circles.push([...path, file].join(' > '))
      else if (!finished.has(file)) for (const to of imports.get(file) ?? []) visit(to, [...path, file])
      finished.add(file)
    }
    for (const file of imports.keys()) visit(file, [])
    expect(circles).toEqual([])
  },
)

/** What each file of a folder imports of the same folder. */
function importsOf(folder: string): ReadonlyMap<string, readonly string[]> {
  const cwd = join(root, folder)
  const files = globSync('**/*.{ts,tsx}', { cwd }).filter((file) => !/\.test\.tsx?$/.test(file))
  return new Map(
    files.map((file) => {
      const imports = readFileSync(join(cwd, file), 'utf8').matchAll(/from '(\.[^']*)'/g)
      return [file, [...imports].map(([, to = '']) => normalize(join(dirname(file), to)))]
    }),
  )
}
