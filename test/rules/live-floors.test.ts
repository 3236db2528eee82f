import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { importsOf } from './imports-of.ts'

const live = fileURLToPath(new URL('../../packages/live', import.meta.url))

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
  const arrows = [...importsOf(live)].filter(([file]) => !file.endsWith('.test.ts'))
  const wrong = arrows
    .flatMap(([file, imported]) => imported.map((to) => [inLive(file), inLive(to)] as const))
    .filter(([file, to]) => {
      const [from, below] = [dirname(file), dirname(to)]
      return from !== '.' && from !== below && !floors[from]?.includes(below)
    })
  expect(arrows.length).toBeGreaterThan(50)
  expect(wrong).toEqual([])
})

const inLive = (file: string) => relative(join(live, 'src'), file)
