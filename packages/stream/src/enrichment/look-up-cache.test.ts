import type { CommittedEvent } from '@commitcast/events'
import { expect, test } from 'vitest'
import type { CacheOptions } from './enrichment.ts'
import type { Loaded } from './loader.ts'
import { createLookUpCache } from './look-up-cache.ts'

const options: CacheOptions<CommittedEvent, unknown> = {
  maxEntries: 3,
  ttlMs: 60_000,
  invalidateOn: {
    'customer.renamed': (event) => event.key,
    'customer.broken': () => {
      throw new Error('no id')
    },
  },
}
const event = (type: string, key: string) => ({ type, key }) as CommittedEvent
const loaded = (ids: readonly string[], value = 'value'): Loaded => ({
  found: new Map(ids.map((id) => [id, `${value} of ${id}`])),
  failed: new Map(),
})
const fill = (cache: ReturnType<typeof createLookUpCache>, ids: readonly string[]) =>
  cache.fill(ids, async () => loaded(ids))

test('what was found is kept until its event comes, within maxEntries', async () => {
  const cache = createLookUpCache(options)
  await fill(cache, ['a', 'b'])
  expect([cache.get('a'), cache.get('b'), cache.get('c')]).toEqual(['value of a', 'value of b', undefined])
  cache.invalidateBy(event('customer.renamed', 'a'))
  cache.invalidateBy(event('customer.moved', 'b'))
  expect([cache.get('a'), cache.get('b')]).toEqual([undefined, 'value of b'])
  await fill(cache, ['c', 'd', 'e'])
  expect(['b', 'c', 'd', 'e'].filter((id) => cache.get(id) !== undefined)).toEqual(['c', 'd', 'e'])
})

test('what was not found is asked for again, and what nobody asked for is not kept', async () => {
  const cache = createLookUpCache(options)
  await cache.fill(['a', 'b'], async () => ({
    found: new Map<unknown, unknown>([
      ['a', null],
      ['x', 1],
    ]),
    failed: new Map(),
  }))
  expect([cache.get('a'), cache.get('b'), cache.get('x')]).toEqual([undefined, undefined, undefined])
})

test('what is invalidated while it is looked up is not kept: it may have been read before', async () => {
  const cache = createLookUpCache(options)
  const reading = Promise.withResolvers<Loaded>()
  const filling = cache.fill(['a', 'b'], () => reading.promise)
  cache.invalidateBy(event('customer.renamed', 'a'))
  reading.resolve(loaded(['a', 'b'], 'old'))
  expect((await filling).found.get('a')).toBe('old of a')
  expect([cache.get('a'), cache.get('b')]).toEqual([undefined, 'old of b'])
})

test('where the id can not be said, everything is forgotten', async () => {
  const cache = createLookUpCache(options)
  await fill(cache, ['a', 'b'])
  const reading = Promise.withResolvers<Loaded>()
  const filling = cache.fill(['c'], () => reading.promise)
  cache.invalidateBy(event('customer.broken', ''))
  reading.resolve(loaded(['c']))
  await filling
  expect(['a', 'b', 'c'].map((id) => cache.get(id))).toEqual([undefined, undefined, undefined])
})
