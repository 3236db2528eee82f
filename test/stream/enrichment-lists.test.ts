import { memoryBroker } from '@commitcast/broker/memory'
import { defineEvents, type LiveEventOf } from '@commitcast/events'
import { createCommitcast, type Live } from 'commitcast'
import { expect, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import { named, openEnrichment, toAll } from './open-enrichment.ts'

const idsOf = (event: { readonly data: unknown }) => (event.data as { readonly books?: readonly unknown[] }).books

test('an event with several ids gets the list of what was found, in their order; no id is looked up twice', async () => {
  await using shop = await openEnrichment({ broker: memoryBroker() })
  await shop.give([
    { data: { books: [3, 1, null, 3] } },
    { data: { books: [1, 'gone', 2] } },
    { data: { books: [] } },
    { data: {} },
  ])
  const asked: unknown[] = []
  const load = (ids: readonly unknown[]) => {
    asked.push(...ids)
    return named(ids.filter((id) => id !== 'gone'))
  }
  shop.start({ enrichment: { enrichers: { books: { id: idsOf, load } }, channels: toAll } })
  const told = await shop.told(4)
  expect(told.map(({ metadata }) => metadata.books)).toEqual([
    ['name of 3', 'name of 1', 'name of 3'],
    ['name of 1', 'name of 2'],
    [],
    undefined,
  ])
  expect(asked).toEqual([3, 1, 'gone', 2])
})

test('a list lacks what could not be looked up, and its event is flagged', async () => {
  await using shop = await openEnrichment({ broker: memoryBroker() })
  await shop.give([{ data: { books: [1, 'bad', 2] } }, { data: { books: [2] } }])
  const load = async (ids: readonly unknown[]) => {
    if (ids.includes('bad')) throw new Error('invalid input syntax')
    return named(ids)
  }
  const worker = shop.start({ enrichment: { enrichers: { books: { id: idsOf, load } }, channels: toAll } })
  const [first, second] = await shop.told(2)
  expect(first).toMatchObject({ metadata: { books: ['name of 1', 'name of 2'] }, failed: ['books'] })
  expect(second?.metadata).toEqual({ books: ['name of 2'] })
  expect(second?.failed).toBeUndefined()
  expect(worker.health()).toMatchObject({ ready: true, failedLookUps: 1 })
})

test('a look-up gets at most 5,000 ids, however many the events of a batch have', async () => {
  await using shop = await openEnrichment({ broker: memoryBroker() })
  const ids = (from: number) => Array.from({ length: 4_000 }, (_, n) => from + n)
  await shop.give([0, 4_000, 8_000].map((from) => ({ data: { books: ids(from) } })))
  const sizes: number[] = []
  const load = (asked: readonly unknown[]) => {
    sizes.push(asked.length)
    return named(asked)
  }
  shop.start({ enrichment: { enrichers: { books: { id: idsOf, load } }, channels: toAll } })
  const told = await shop.told(3)
  expect(sizes).toEqual([5_000, 5_000, 2_000])
  expect(told[2]?.metadata.books).toEqual(ids(8_000).map((id) => `name of ${id}`))
})

test('each id of a list is kept and invalidated on its own', async () => {
  await using shop = await openEnrichment({ broker: memoryBroker() })
  const asked: unknown[][] = []
  const load = (ids: readonly unknown[]) => {
    asked.push([...ids])
    return named(ids)
  }
  const cache = { maxEntries: 10, ttlMs: 60_000, invalidateOn: { 'book.renamed': idsOf } }
  shop.start({ enrichment: { enrichers: { books: { id: idsOf, load, cache } }, channels: toAll } })
  await shop.give([{ data: { books: [1, 2] } }])
  await shop.told(1)
  await shop.give([{ data: { books: [3, 2, 1] } }])
  await shop.told(2)
  await shop.give([{ type: 'book.renamed', data: { books: [1, 3] } }])
  const told = await shop.told(3)
  await shop.give([{ data: { books: [2, 1] } }])
  expect((await shop.told(4))[3]?.metadata.books).toEqual(['name of 2', 'name of 1'])
  expect(told[1]?.metadata.books).toEqual(['name of 3', 'name of 2', 'name of 1'])
  expect(asked).toEqual([[1, 2], [3], [1, 3]])
})

test('metadata is a list where the id function returns an array, and both where it returns either', async () => {
  const order = z.object({ book: z.number(), books: z.array(z.number()) })
  const events = defineEvents({ 'order.placed': { data: order } })
  const cast = createCommitcast({ app: 'shop', events, connectionString: 'postgres://127.0.0.1/shop' })
  const load = async (ids: readonly number[]) => new Map(ids.map((id) => [id, { title: `${id}` }]))
  const live = cast
    .live({ channels: () => [] })
    .enrich('one', { id: (event) => event.data.book, load })
    .enrich('many', { id: (event) => event.data.books, load })
    .enrich('some', { id: ({ key, data }) => (key === 'x' ? undefined : data.books), load })
    .enrich('either', { id: ({ key, data }) => (key === 'x' ? data.book : data.books), load })
    .enrich('inline', { id: ({ data }) => data.books, load: async (ids) => new Map(ids.map((id) => [id, id + 1])) })
  type Metadata = typeof live extends Live<infer _, infer TMetadata, infer _, infer _> ? TMetadata : never
  interface Book {
    readonly title: string
  }
  expectTypeOf<LiveEventOf<typeof events, Metadata>['metadata']>().toHaveProperty('one')
  expectTypeOf<Metadata['one' & keyof Metadata]>().toExtend<Book | undefined>()
  expectTypeOf<Metadata['many' & keyof Metadata]>().toEqualTypeOf<readonly { title: string }[] | undefined>()
  expectTypeOf<Metadata['some' & keyof Metadata]>().toEqualTypeOf<readonly { title: string }[] | undefined>()
  expectTypeOf<Metadata['either' & keyof Metadata]>().toEqualTypeOf<
    { title: string } | readonly { title: string }[] | undefined
  >()
  expectTypeOf<Metadata['inline' & keyof Metadata]>().toEqualTypeOf<readonly number[] | undefined>()
  const byText = async (ids: readonly string[]) => new Map(ids.map((id) => [id, id]))
  // @ts-expect-error a look-up by another type of id
  cast.live({ channels: () => [] }).enrich('wrong', { id: (event) => event.data.books, load: byText })
  await cast.close()
})
