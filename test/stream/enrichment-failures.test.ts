import { endOf } from '@commitcast/broker'
import { memoryBroker } from '@commitcast/broker/memory'
import { channelsOf } from '@commitcast/events'
import { expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { enricherOf, named, openEnrichment, toAll } from './open-enrichment.ts'

const customers = (count: number) => Array.from({ length: count }, (_, n) => ({ data: { customer: `c${n}` } }))

test('an id that makes the look-up fail is found: its events go out without it, flagged and counted; the others have theirs', async () => {
  await using shop = await openEnrichment({ broker: memoryBroker() })
  await shop.give([...customers(500), { data: { customer: 'c77' } }])
  let calls = 0
  const load = async (ids: readonly unknown[]) => {
    calls++
    if (ids.includes('c77') || ids.includes('c400')) throw new Error('invalid input syntax')
    return named(ids)
  }
  const enrichers = { customer: enricherOf(load), other: enricherOf(named) }
  const worker = shop.start({ enrichment: { enrichers, channels: toAll }, maxBatch: 600 })
  const told = await shop.told(501)
  const isBad = (event: { readonly data: unknown }) =>
    ['c77', 'c400'].includes((event.data as { customer: string }).customer)
  for (const event of told) {
    const { customer } = event.data as { customer: string }
    expect(event.metadata.other).toBe(`name of ${customer}`)
    expect(event.metadata.customer).toBe(isBad(event) ? undefined : `name of ${customer}`)
    expect(event.failed).toEqual(isBad(event) ? ['customer'] : undefined)
  }
  expect(told.filter(isBad)).toHaveLength(3)
  expect(worker.health()).toMatchObject({ ready: true, failedLookUps: 3, withoutMetadata: 3, untold: 0 })
  expect(calls).toBeLessThan(50)
})

test('a look-up that fails for every id is not an id that is bad: the partition waits, and no metadata is lost', async () => {
  await using shop = await openEnrichment({ broker: memoryBroker() })
  let isBroken = true
  const sizes: number[] = []
  const load = async (ids: readonly unknown[]) => {
    sizes.push(ids.length)
    if (isBroken) throw new Error('column "nmae" does not exist')
    return named(ids)
  }
  await shop.give(customers(300))
  const worker = shop.start({ enrichment: { enrichers: { customer: enricherOf(load) }, channels: toAll } })
  await eventually(() =>
    expect(JSON.stringify(worker.health())).toMatch(/look-up of \\"customer\\" fails for every id: .*nmae.*Fix it/),
  )
  expect(worker.health()).toMatchObject({ ready: false, failedLookUps: 0 })
  expect(await endOf(shop.live, 0)).toBe(0)
  const alone = sizes.filter((size) => size === 1).length
  expect(alone).toBeLessThanOrEqual(16 * (sizes.length - alone))
  isBroken = false
  const told = await shop.told(300)
  expect(told.every((event) => event.failed === undefined && event.metadata.customer !== undefined)).toBe(true)
})

test('events that come one by one wait, too, when the look-up breaks; and a bad one among them goes out', async () => {
  await using shop = await openEnrichment({ broker: memoryBroker() })
  let isBroken = false
  const load = async (ids: readonly unknown[]) => {
    if (isBroken || ids.includes('bad')) throw new Error('no such thing')
    return named(ids)
  }
  const worker = shop.start({ enrichment: { enrichers: { customer: enricherOf(load) }, channels: toAll } })
  const give = (customer: string) => shop.give([{ data: { customer } }])
  await give('a')
  await shop.told(1)
  await give('bad')
  expect((await shop.told(2))[1]).toMatchObject({ metadata: {}, failed: ['customer'] })
  isBroken = true
  await give('b')
  await eventually(() => expect(worker.health().ready).toBe(false))
  expect(await endOf(shop.live, 0)).toBe(2)
  isBroken = false
  expect((await shop.told(3))[2]).toMatchObject({ metadata: { customer: 'name of b' } })
})

test('an outage is waited out, with no halving', async () => {
  await using shop = await openEnrichment({ broker: memoryBroker() })
  let outages = 3
  const sizes: number[] = []
  const load = async (ids: readonly unknown[]) => {
    sizes.push(ids.length)
    if (outages-- > 0) throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
    return named(ids)
  }
  await shop.give(customers(100))
  const worker = shop.start({ enrichment: { enrichers: { customer: enricherOf(load) }, channels: toAll } })
  const told = await shop.told(100)
  expect(told.every((event) => event.metadata.customer !== undefined)).toBe(true)
  expect(sizes).toEqual([100, 100, 100, 100])
  expect(worker.health()).toMatchObject({ failedLookUps: 0 })
})

test('where the id can not be said, that event goes out without this kind', async () => {
  await using shop = await openEnrichment({ broker: memoryBroker() })
  const customer = {
    id: ({ data }: { readonly data: unknown }) => (data as { customer: { id: string } }).customer.id,
    load: named,
  }
  await shop.give([{ data: { customer: { id: 'a' } } }, { data: {} }, { data: { customer: { id: 'b' } } }])
  const worker = shop.start({ enrichment: { enrichers: { customer }, channels: toAll } })
  const told = await shop.told(3)
  expect(told.map(({ metadata, failed }) => ({ metadata, failed }))).toEqual([
    { metadata: { customer: 'name of a' }, failed: undefined },
    { metadata: {}, failed: ['customer'] },
    { metadata: { customer: 'name of b' }, failed: undefined },
  ])
  expect(worker.health()).toMatchObject({ ready: true, failedLookUps: 1, withoutMetadata: 1 })
})

test('where nobody knows whom to tell, the partition waits at that event and says which; what is before it goes out', async () => {
  await using shop = await openEnrichment({ broker: memoryBroker() })
  let isMended = false
  const channels = ({ key }: { readonly key: string }) => {
    if (key === 'poison' && !isMended) throw new Error('no room for it')
    return ['all']
  }
  const given = await shop.give([{}, {}, { key: 'poison' }, {}])
  const worker = shop.start({ enrichment: { enrichers: {}, channels } })
  await shop.enriched(2)
  await eventually(() => expect(worker.health().ready).toBe(false))
  expect(JSON.stringify(worker.health())).toContain(given[2]!.id)
  expect(JSON.stringify(worker.health())).toMatch(
    /order.placed.*offset 3.*no room for it.*waits at it until that is fixed, in channels/,
  )
  expect(await endOf(shop.live, 0)).toBe(2)
  isMended = true
  expect((await shop.enriched(4)).map(channelsOf)).toEqual([['all'], ['all'], ['all'], ['all']])
})

test('metadata that would not be read back unchanged is left out, flagged and counted, and all that is behind it arrives', async () => {
  await using shop = await openEnrichment({ broker: memoryBroker() })
  await shop.give(customers(3))
  const photos = async (ids: readonly unknown[]) =>
    new Map(ids.map((id) => [id, id === 'c1' ? { photo: Buffer.from('x') } : { photo: 'x' }]))
  const enrichers = { photo: enricherOf(photos), customer: enricherOf(named) }
  const worker = shop.start({ enrichment: { enrichers, channels: toAll } })
  const told = await shop.told(3)
  expect(told.map(({ metadata }) => metadata)).toEqual([
    { photo: { photo: 'x' }, customer: 'name of c0' },
    { customer: 'name of c1' },
    { photo: { photo: 'x' }, customer: 'name of c2' },
  ])
  expect(told.map(({ failed }) => failed)).toEqual([undefined, ['photo'], undefined])
  expect(worker.health()).toMatchObject({ ready: true, failedLookUps: 1, withoutMetadata: 1 })
})
