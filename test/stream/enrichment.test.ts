import { endOf, type Topic } from '@commitcast/broker'
import { memoryBroker } from '@commitcast/broker/memory'
import { channelsOf, noteTypes, toPlaceholder } from '@commitcast/events'
import { expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { enricherOf, named, openEnrichment, toAll } from './open-enrichment.ts'

test('each event becomes one live message at its offset; one that nobody follows, or that was refused, a filler', async () => {
  await using shop = await openEnrichment({ broker: memoryBroker() })
  const asked: unknown[] = []
  const load = (ids: readonly unknown[]) => {
    asked.push(...ids)
    return named(ids)
  }
  await shop.give([{ data: { customer: 'a' } }, { data: { customer: 'nobody hears' }, key: 'quiet' }])
  const [refused] = await shop.give([{ data: {} }])
  const log = await openPlaceholder(shop, toPlaceholder({ ...refused!, offset: 4 }))
  shop.start({
    enrichment: { enrichers: { customer: enricherOf(load) }, channels: ({ key }) => (key === 'k' ? ['all'] : []) },
  })
  const live = await shop.enriched(4)
  expect(live.map(({ offset, id }) => ({ offset, id }))).toEqual(log.map(({ offset, id }) => ({ offset, id })))
  expect(live.map(channelsOf)).toEqual([['all'], [], ['all'], []])
  expect(live[0]?.body).toBe('{"data":{"customer":"a"},"metadata":{"customer":"name of a"}}')
  expect(asked).toEqual(['a'])
})

test('a look-up gets each id once, the kinds at the same time, in batches of what is there, at most maxBatch', async () => {
  await using shop = await openEnrichment({ broker: memoryBroker() })
  await shop.give(Array.from({ length: 25 }, (_, n) => ({ data: { customer: n % 3, book: n % 2 } })))
  const calls: (readonly unknown[])[] = []
  let arrived = Promise.withResolvers<void>()
  let waiting = 0
  // Each waits for the other: one after the other they would never end.
  const together = async (ids: readonly unknown[]) => {
    calls.push(ids)
    if (++waiting === 2) {
      arrived.resolve()
      arrived = Promise.withResolvers()
      waiting = 0
    } else await arrived.promise
    return named(ids)
  }
  const enrichers = { customer: enricherOf(together), book: enricherOf(together, 'book') }
  shop.start({ enrichment: { enrichers, channels: toAll }, maxBatch: 10 })
  const told = await shop.told(25)
  expect(told[24]?.metadata).toEqual({ customer: 'name of 0', book: 'name of 0' })
  expect(calls.map((ids) => ids.length)).toEqual([3, 2, 3, 2, 3, 2])

  await shop.give([{ data: { customer: 'alone', book: 'alone' } }])
  await shop.told(26)
  expect(calls.slice(6)).toEqual([['alone'], ['alone']])
})

test('while live messages are on their way, the next look-ups run, four chunks ahead and no more; their order is kept', async () => {
  const memory = memoryBroker()
  const held: (() => void)[] = []
  let isHolding = true
  const hold = (topic: Topic): Topic => ({
    ...topic,
    async append(partition, after, messages) {
      if (isHolding) await new Promise<void>((resolve) => held.push(resolve))
      return topic.append(partition, after, messages)
    },
  })
  const broker = {
    ...memory,
    topic: async (options: Parameters<typeof memory.topic>[0]) => {
      const topic = await memory.topic(options)
      return options.name.endsWith('-live') ? hold(topic) : topic
    },
  }
  await using shop = await openEnrichment({ broker })
  await shop.give(Array.from({ length: 100 }, (_, n) => ({ data: { customer: n } })))
  let calls = 0
  const load = (ids: readonly unknown[]) => {
    calls++
    return named(ids)
  }
  shop.start({ enrichment: { enrichers: { customer: enricherOf(load) }, channels: toAll }, maxBatch: 10 })
  await eventually(() => expect([held.length, calls]).toEqual([4, 5]))
  expect(await endOf(shop.live, 0)).toBe(0)
  isHolding = false
  for (const release of held) release()
  const told = await shop.told(100)
  expect(told.map((event) => event.metadata.customer)).toEqual(Array.from({ length: 100 }, (_, n) => `name of ${n}`))
})

test('an old event goes out as one of the present version; one of the present version keeps its text as it was', async () => {
  await using shop = await openEnrichment({ broker: memoryBroker() })
  const old = noteTypes({ at: new Date(5) })
  await shop.give([
    { data: old.json, headers: { notes: JSON.stringify(old.notes), actor: 'ada' } },
    { data: { since: '1.50' }, headers: { version: '2' } },
  ])
  shop.start({
    enrichment: { enrichers: {}, channels: ({ data }) => ['since' in (data as object) ? 'new' : 'old'] },
    upcast: (event) =>
      event.headers.schemaVersion === 2
        ? event
        : {
            ...event,
            data: { since: (event.data as { at: Date }).at, tags: new Set(['x']) },
            headers: { ...event.headers, schemaVersion: 2 },
          },
  })
  const told = await shop.told(2)
  expect(told[0]).toMatchObject({
    data: { since: new Date(5), tags: new Set(['x']) },
    headers: { schemaVersion: 2, actor: 'ada' },
  })
  const [first, second] = await shop.log()
  expect([first, second].map((message) => channelsOf(message!))).toEqual([['new'], ['new']])
  expect(second?.body).toBe('{"data":{"since":"1.50"},"metadata":{}}')
})

test('a worker that is stopped while a look-up hangs ends at once', async () => {
  await using shop = await openEnrichment({ broker: memoryBroker() })
  await shop.give([{ data: { customer: 'a' } }])
  const called = Promise.withResolvers<void>()
  const load = () => {
    called.resolve()
    return new Promise<never>(() => {})
  }
  const worker = shop.start({ enrichment: { enrichers: { customer: enricherOf(load) }, channels: toAll } })
  await called.promise
  await worker.stop()
  expect(await endOf(shop.live, 0)).toBe(0)
})

async function openPlaceholder(
  { events }: { readonly events: Topic },
  placeholder: Parameters<Topic['append']>[2][number],
) {
  await events.append(0, placeholder.offset - 1, [placeholder])
  const log = []
  for await (const batch of events.read(0, 0, { signal: AbortSignal.timeout(60_000) })) {
    log.push(...batch)
    if (log.length >= placeholder.offset) break
  }
  return log
}
