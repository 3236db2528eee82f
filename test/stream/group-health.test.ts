import { dropParked } from '@commitcast/outbox'
import { expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { openCounters, parkAtOnce } from './open-counters.ts'

test('a project() that hangs makes its partition not ready: the health names it, since when and with which offsets', async () => {
  await using counters = await openCounters({ partitions: 1 })
  const hang = Promise.withResolvers<void>()
  const sales = counters.cast.projection('sales', async (batch, trx) => {
    await hang.promise
    await counters.see(batch, trx)
  })
  counters.run([sales], ['relay', 'consume'])
  await counters.grow(3)
  const health = () => counters.cast.health().groups.sales
  await eventually(() =>
    expect(health()).toMatchObject({
      ready: false,
      codes: { 0: 'PARTITION_STALLED' },
      troubles: {
        0: expect.stringMatching(/Partition 0 has made no progress for \d+ s: .*project\(\) with offsets 1 to/),
      },
      since: expect.any(String),
    }),
  )
  hang.resolve()
  await counters.allSeen()
  await eventually(() => expect(health()).toEqual({ ready: true, partitions: [0], parked: 0 }))
}, 120_000)

test('the health of a group counts its parked events', async () => {
  await using counters = await openCounters({ partitions: 2 })
  const sales = counters.cast.projection(
    'sales',
    async (batch, trx) => {
      if (batch.some(({ data }) => 'isBad' in data && data.isBad)) throw new Error('I can not read this.')
      await counters.see(batch, trx)
    },
    { onFailure: parkAtOnce },
  )
  counters.run([sales], ['relay', 'consume'])
  await counters.grow(8, { bad: [0, 1] })
  const parked = () => counters.cast.health().groups.sales?.parked
  // The later event of each key queues behind.
  await eventually(() => expect(parked()).toBe(4))
  await dropParked(counters.sql, { schema: 'commitcast', ids: 'all' })
  await eventually(() => expect(parked()).toBe(0))
})
