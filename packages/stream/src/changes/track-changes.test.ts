import { expect, test } from 'vitest'
import { trackChanges } from './track-changes.ts'

test('a batch tells each row once, in the order in which it speaks of them, with the last event that may have changed it', async () => {
  const items = openItems({ old: 'Emma' })
  const changes = await items.change(['b', 'a', 'old', 'a'], { a: 'Persuasion', b: undefined, old: 'Lady Susan' })
  expect(changes).toEqual([
    { kind: 'created', id: 'a', row: 'Persuasion', cause: { n: 3, key: 'a' } },
    { kind: 'updated', id: 'old', row: 'Lady Susan', before: 'Emma', cause: { n: 2, key: 'old' } },
  ])
})

test('a deleted row is told as it was, and one that is only marked as it is', async () => {
  const items = openItems({ removed: 'Emma', marked: 'Emma' })
  const changes = await items.change(['removed', 'marked'], { removed: undefined, marked: 'gone' })
  expect(changes.map(({ kind, row }) => [kind, row])).toEqual([
    ['deleted', 'Emma'],
    ['deleted', 'gone'],
  ])
})

test('rows are read twice for a batch, each id once, and not at all where no row is concerned', async () => {
  const items = openItems({})
  await items.change(['a', 'b', 'a'], { a: 'Emma' })
  expect(items.reads()).toEqual([
    ['a', 'b'],
    ['a', 'b'],
  ])
  let hasWritten = false
  await trackChanges([{ n: 1 }], { ids: () => [], rows: items.rows }, async () => {
    hasWritten = true
  })
  expect(hasWritten).toBe(true)
  expect(items.reads()).toHaveLength(2)
})

/** Rows that are titles; `gone` counts as deleted. */
function openItems(titles: Readonly<Record<string, string>>) {
  const table = new Map(Object.entries(titles))
  const reads: (readonly string[])[] = []
  const rows = async (ids: readonly string[]) => {
    reads.push(ids)
    return new Map([...table].filter(([id]) => ids.includes(id)))
  }
  return {
    rows,
    reads: () => reads,
    change(keys: readonly string[], to: Readonly<Record<string, string | undefined>>) {
      const batch = keys.map((key, n) => ({ n, key }))
      return trackChanges(
        batch,
        { ids: (event) => [event.key], rows, isDeleted: (title) => title === 'gone' },
        async () => {
          for (const [key, title] of Object.entries(to)) {
            if (title === undefined) table.delete(key)
            else table.set(key, title)
          }
        },
      )
    },
  }
}
