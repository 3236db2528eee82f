import { readGroups, resetGroup } from '@commitcast/stream'
import { expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { openCounters } from './open-counters.ts'

const schema = 'commitcast'
type Counters = Awaited<ReturnType<typeof openCounters>>

test('a group that is behind what the broker keeps is served from the outbox', async () => {
  await using counters = await openCounters()
  const relay = counters.run([], ['relay'])
  for (let round = 0; round < 5; round++) await counters.grow(8)
  await eventually(() => expect(storedIn(counters)).toBe(40))
  forgetAtBroker(counters, 12)
  counters.run([counters.cast.projection('late', counters.see, { maxBatch: 3 })])
  await counters.grow(8)
  await counters.allSeen()
  await relay.stop()
})

test('a new group begins with what is still kept, and says so', async () => {
  await using counters = await openCounters({ partitions: 1 })
  const relay = counters.run([], ['relay'])
  await counters.grow(4, { keys: ['a'] })
  await eventually(() => expect(storedIn(counters)).toBe(4))
  await retireEverything(counters)
  await counters.grow(2, { keys: ['a'] })
  await eventually(() => expect(storedIn(counters)).toBe(6))
  counters.run([counters.cast.projection('late', counters.see)])
  await eventually(async () => expect(await counters.seen()).toEqual({ a: [5, 6] }))
  await relay.stop()
})

test('a group that has begun never passes over what is gone: it stands still, says what helps, and that helps', async () => {
  await using counters = await openCounters({ partitions: 1 })
  const relay = counters.run([], ['relay'])
  const sales = counters.cast.projection('sales', counters.see)
  const first = counters.run([sales])
  await counters.grow(2, { keys: ['a'] })
  await counters.allSeen()
  await first.stop()
  await counters.grow(2, { keys: ['a'] })
  await eventually(() => expect(storedIn(counters)).toBe(4))
  await retireEverything(counters)
  await counters.grow(2, { keys: ['a'] })
  counters.run([sales])
  await eventually(() =>
    expect(JSON.stringify(counters.cast.health().groups.sales)).toContain(
      'commitcast group reset sales --to beginning',
    ),
  )
  await eventually(async () => expect(await readGroups(counters.sql, schema)).toMatchObject([{ offset: 2, lag: 4 }]))
  await resetGroup(counters.sql, { schema, group: 'sales', target: { to: 'beginning' } })
  await eventually(async () => expect(await counters.seen()).toEqual({ a: [1, 2, 5, 6] }))
  await relay.stop()
})

function logsOf({ storage }: Counters) {
  return [...storage.entries()].filter(([name]) => name.includes('-events')).map(([, log]) => log)
}

function storedIn(counters: Counters): number {
  return logsOf(counters).reduce((sum, log) => sum + log.forgotten + log.messages.length, 0)
}

/** As a broker's own retention does. */
function forgetAtBroker(counters: Counters, count: number): void {
  for (const log of logsOf(counters)) {
    const gone = Math.min(count, log.messages.length)
    log.messages.splice(0, gone)
    log.forgotten += gone
  }
}

/** Both forget all there is, as if days had passed. */
async function retireEverything(counters: Counters): Promise<void> {
  forgetAtBroker(counters, 1_000_000)
  const segments = await counters.sql.query<{ name: string }>(
    `select inhrelid::regclass::text as name from pg_inherits where inhparent = 'commitcast.outbox'::regclass`,
  )
  for (const { name } of segments) await counters.sql.query(`drop table ${name}`)
  await counters.sql.query(`update commitcast.topic set segments_until = '-infinity'`)
}
