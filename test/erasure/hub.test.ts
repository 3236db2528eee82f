import { createSubscriptions, startHub } from '@commitcast/live'
import { createKeyReader, createSubjectKeys, readErasures } from '@commitcast/outbox'
import { silentLogger } from '@commitcast/worker'
import { expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { followAll, openRunningShop, partitions } from './open-shop.ts'

const secret = 'Lovelace'

/** What a hub has made of its entries, as text. */
const textsOf = (entries: readonly { envelope?: unknown; texts?: ReadonlyMap<unknown, unknown> }[]) =>
  JSON.stringify(entries.map(({ envelope, texts }) => [envelope ?? null, ...(texts?.values() ?? [])]))

test.each([
  ['ring', 64_000_000],
  ['log cache', 1],
])(
  'after an erasure nothing in the %s of a running hub holds the plain text, and its clients go on',
  async (where, maxRingBytes) => {
    await using shop = await openRunningShop()
    const { sql, broker } = shop
    const register = (customerId: string) =>
      ({ type: 'customer.registered', key: 'same', data: { customerId, name: `Ada ${secret} ${customerId}` } }) as const
    await shop.append([register('c1'), register('c2'), register('c3')])
    await eventually(() => expect(shop.read.channels).toHaveLength(3))
    const topic = await broker.topic({ name: 'shop-live', epoch: 1, partitions })
    const stopping = new AbortController()
    const keyReader = createKeyReader(sql, createSubjectKeys({ schema: 'commitcast' }), { isAfresh: true })
    const erasedSince = (snapshot?: string) => readErasures(sql, 'commitcast', snapshot)
    const { signal } = stopping
    await eventually(async () => expect(await shop.messages('shop-live')).toHaveLength(3))
    const hub = await startHub({ topic, personal: { keyReader, erasedSince }, signal, maxRingBytes, prime: 500 })
    const { subscription } = createSubscriptions({
      sharedHub: async () => hub,
      states: { read: () => Promise.reject(new Error('It has no state.')) } as never,
      logger: silentLogger,
    })
    const made = () => textsOf([...hub.ring.entries(), ...hub.logCache.entries()])
    {
      await using screen = followAll({ subscription } as never)
      await eventually(() => expect(screen.data).toHaveLength(3))
      for (const customer of ['c1', 'c2', 'c3']) expect(made(), where).toContain(`${secret} ${customer}`)
    }
    await shop.cast.erase('c1')
    await shop.cast.erase('c2')
    await eventually(() => expect(made()).not.toMatch(new RegExp(`${secret} c[12]`)), 7_000)
    {
      await using screen = followAll({ subscription } as never)
      await eventually(() => expect(screen.data).toHaveLength(3))
      expect(JSON.stringify(screen.data).match(new RegExp(`${secret} c.`, 'g'))).toEqual([`${secret} c3`])
    }
    expect(made()).not.toMatch(new RegExp(`${secret} c[12]`))
    stopping.abort()
    await hub.done
  },
)

test('an erasure that commits after a later one is noticed, too', async () => {
  await using shop = await openRunningShop()
  const late = await shop.pool.connect()
  await late.query('begin')
  await shop.cast.erase('c1', { trx: late })
  const before = await readErasures(shop.sql, 'commitcast')
  await shop.cast.erase('c2')
  const first = await readErasures(shop.sql, 'commitcast', before.snapshot)
  expect(first.subjects).toEqual(['c2'])
  await late.query('commit')
  late.release()
  const second = await readErasures(shop.sql, 'commitcast', first.snapshot)
  expect(second.subjects).toEqual(['c1'])
  expect((await readErasures(shop.sql, 'commitcast', second.snapshot)).subjects).toEqual([])
})
