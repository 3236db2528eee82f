import { memoryBroker } from '@commitcast/broker/memory'
import { defineEvents } from '@commitcast/events'
import { createCommitcast } from 'commitcast'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { createRandom } from '../fixtures/random.ts'
import { enricherOf, openEnrichment, toAll } from './open-enrichment.ts'

test.each([1, 2, 3])(
  'behind the event that changes it, metadata is never older, and is seldom looked up (run %i)',
  async () => {
    const random = createRandom()
    await using shop = await openEnrichment({ broker: memoryBroker() })
    const names = new Map<unknown, number>()
    let asked = 0
    const load = async (ids: readonly unknown[]) => {
      asked += ids.length
      // Read, and then late: what is kept must not be older than an event that was come to meanwhile.
      const read = ids.map((id) => [id, names.get(id) ?? 0] as const)
      await new Promise((resolve) => setTimeout(resolve, random.int(0, 3)))
      return new Map(read)
    }
    const renamed = (event: { readonly data: unknown }) => (event.data as { customer: unknown }).customer
    const cache = { maxEntries: 100, ttlMs: 3_600_000, invalidateOn: { 'customer.renamed': renamed } }
    const start = () =>
      shop.start({
        enrichment: { enrichers: { customer: { ...enricherOf(load), cache } }, channels: toAll },
        maxBatch: random.int(1, 20),
      })
    const worker = start()
    const due: number[] = []
    while (due.length < 400) {
      const some = Array.from({ length: random.int(1, 30) }, () => {
        const customer = random.int(1, 5)
        const isChange = random.chance(0.1)
        if (isChange) names.set(customer, (names.get(customer) ?? 0) + 1)
        due.push(names.get(customer) ?? 0)
        return { type: isChange ? 'customer.renamed' : 'order.placed', data: { customer } }
      })
      await shop.give(some)
    }
    const told = await shop.told(due.length)
    told.forEach((event, n) => {
      const { customer } = event.metadata
      expect(customer, `SEED=${random.seed}, offset ${event.offset}`).toBeGreaterThanOrEqual(due[n]!)
    })
    expect(asked, `SEED=${random.seed}`).toBeLessThan(due.length)
    await worker.stop()
  },
)

test('the events that invalidate are typed by the catalogue, and their ids by the look-up', async () => {
  await using database = await freshDatabase()
  const events = defineEvents({
    'order.placed': { data: z.object({ customerId: z.string() }) },
    'customer.renamed': { data: z.object({ id: z.string(), year: z.number() }) },
  })
  const cast = createCommitcast({ app: 'shop', events, db: database.db, broker: memoryBroker() })
  const bounds = { maxEntries: 10, ttlMs: 1_000 }
  const id = (event: { type: string; data: object }) =>
    'customerId' in event.data ? String(event.data.customerId) : undefined
  const load = async (ids: readonly string[]) => new Map(ids.map((one) => [one, { name: one }]))
  const live = cast.live({ channels: () => [] })
  live.enrich('a', { id, load, cache: { ...bounds, invalidateOn: { 'customer.renamed': (event) => event.data.id } } })
  // @ts-expect-error an id of another type than the look-up takes
  live.enrich('b', { id, load, cache: { ...bounds, invalidateOn: { 'customer.renamed': (event) => event.data.year } } })
  // @ts-expect-error an event type that is not in the catalogue
  live.enrich('c', { id, load, cache: { ...bounds, invalidateOn: { 'customer.moved': () => 'x' } } })
  // @ts-expect-error a cache without bounds
  live.enrich('d', { id, load, cache: {} })
})
