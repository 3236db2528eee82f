import { logName, memoryBroker } from '@commitcast/broker/memory'
import { decodeLiveEvent } from '@commitcast/events'
import { runEnrichment } from '@commitcast/stream'
import { describe, expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { copyServer } from '../fixtures/older-copy.ts'
import { ownPostgres } from '../fixtures/own-postgres.ts'
import { openCounters } from './open-counters.ts'

type Counters = Awaited<ReturnType<typeof openCounters>>
const partitions = 2

describe('what the broker holds and the database never wrote', () => {
  test('is not read after a fail-over to an older copy: neither by a projection nor by a stream worker', async (context) => {
    const { server, counters } = await openOwn()
    await using _ = counters
    if (!server.dataFolder) return context.skip('the data of a server in a container is not at hand')
    const relay = counters.run([], ['relay'])
    await counters.grow(20)
    await eventually(() => expect(stored(counters)).toBe(20), 30_000)
    const older = await copyServer(server)
    await eventually(() => counters.grow(40), 30_000)
    await eventually(() => expect(stored(counters)).toBe(60), 30_000)

    await older.failOver()
    counters.run([counters.cast.projection('sales', counters.see)])
    const stream = startStream(counters)
    await eventually(async () => expect(await seenCount(counters)).toBe(20), 60_000)
    await eventually(() => {
      expect(JSON.stringify(counters.cast.health().relay)).toMatch(/commitcast topic new-epoch --from 1/)
      expect(troubles(counters.cast.health().groups.sales)).toEqual([
        expect.stringMatching(/has diverged: what it holds behind offset \d+ was not assigned there/),
        expect.stringMatching(/has diverged/),
      ])
      expect(troubles(stream.health())).toEqual([
        expect.stringMatching(/has diverged/),
        expect.stringMatching(/has diverged/),
      ])
    }, 60_000)
    expect(await seenCount(counters)).toBe(20)
    expect(liveStored(counters)).toBe(20)
    await stream.stop()
    await relay.stop()
  }, 180_000)

  test('is not read where another program publishes, though it looks like an event', async () => {
    await using counters = await openCounters({ partitions: 1 })
    const relay = counters.run([], ['relay'])
    counters.run([counters.cast.projection('sales', counters.see)])
    await counters.grow(4, { keys: ['a'] })
    await counters.allSeen()
    const log = counters.storage.get(logName({ name: 'count-events', epoch: 1, partitions: 1 }, 0))!
    const last = log.messages.at(-1)!
    log.messages.push({ ...last, offset: 5, id: crypto.randomUUID(), headers: {} })
    for (const wake of log.waiting) wake()
    await eventually(() =>
      expect(troubles(counters.cast.health().groups.sales)).toEqual([
        expect.stringMatching(/Offset 5 of partition 0 .* was not appended by the relay/),
      ]),
    )
    await counters.grow(2, { keys: ['a'] })
    await eventually(() =>
      expect(troubles(counters.cast.health().groups.sales)).toEqual([expect.stringMatching(/has diverged/)]),
    )
    expect(await counters.seen()).toEqual({ a: [1, 2, 3, 4] })
    await relay.stop()
  })
})

test('a group reads on without a relay what one has verified, and no further after a restart of the server until one has compared again', async () => {
  const { server, counters } = await openOwn()
  await using _ = counters
  const sales = counters.cast.projection('sales', counters.see, { maxBatch: 1 })
  const relay = counters.run([], ['relay'])
  await counters.grow(30)
  await eventually(() => expect(stored(counters)).toBe(30))
  await relay.stop()
  const first = counters.run([sales])
  await counters.allSeen()
  await first.stop()

  await server.halt()
  await server.restart()
  const late = counters.run([counters.cast.projection('late', counters.see)])
  await eventually(
    () =>
      expect(troubles(counters.cast.health().groups.late)).toEqual([
        expect.stringMatching(/since the database server was started anew/),
        expect.stringMatching(/since the database server was started anew/),
      ]),
    30_000,
  )
  expect(await seenCount(counters)).toBe(30)
  const again = counters.run([], ['relay'])
  await eventually(async () => expect(await seenCount(counters)).toBe(60), 30_000)
  await late.stop()
  await again.stop()
}, 120_000)

test('a restart of the server under workers at work costs no event, and none is seen twice', async () => {
  const { server, counters } = await openOwn()
  await using _ = counters
  counters.run([counters.cast.projection('sales', counters.see)], ['relay', 'consume'])
  await counters.grow(20)
  await counters.allSeen()
  for (let round = 0; round < 2; round++) {
    await server.halt()
    await server.restart()
    await eventually(() => counters.grow(8), 30_000)
    await counters.allSeen()
  }
}, 120_000)

test('messages of a release without tokens are read as far as a relay has compared them', async () => {
  await using counters = await openCounters({ partitions: 1 })
  const relay = counters.run([], ['relay'])
  await counters.grow(6, { keys: ['a'] })
  await eventually(() => expect(stored(counters)).toBe(6))
  await relay.stop()
  const log = counters.storage.get(logName({ name: 'count-events', epoch: 1, partitions: 1 }, 0))!
  for (const [index, message] of log.messages.entries()) log.messages[index] = { ...message!, headers: {} }
  await counters.sql.query('delete from commitcast.verified')

  counters.run([counters.cast.projection('sales', counters.see)])
  await eventually(() =>
    expect(troubles(counters.cast.health().groups.sales)).toEqual([expect.stringMatching(/No relay has compared/)]),
  )
  expect(await counters.seen()).toEqual({})
  const again = counters.run([], ['relay'])
  await counters.grow(2, { keys: ['a'] })
  await counters.allSeen()
  await again.stop()
})

test('the token of a relay is on the messages of the events topic alone: no event and no live message has it', async () => {
  await using counters = await openCounters({ partitions: 1 })
  const relay = counters.run([], ['relay'])
  const stream = startStream(counters)
  await counters.grow(3, { keys: ['a'] })
  await eventually(() => expect(liveStored(counters)).toBe(3))
  const events = counters.storage.get(logName({ name: 'count-events', epoch: 1, partitions: 1 }, 0))!
  expect(events.messages.map((message) => Object.keys(message!.headers))).toEqual([['relay'], ['relay'], ['relay']])
  const live = counters.storage.get(logName({ name: 'count-live', epoch: 1, partitions: 1 }, 0))!
  for (const message of live.messages) {
    expect(Object.keys(message!.headers)).toEqual(['channels'])
    expect(JSON.stringify(decodeLiveEvent(message!, { epoch: 1, partition: 0 }))).not.toContain('relay')
  }
  await stream.stop()
  await relay.stop()
})

async function openOwn() {
  const on = await ownPostgres({ partitions })
  return { server: on.server, counters: await openCounters({ partitions, on }) }
}

function startStream({ sql, storage }: Counters) {
  const stopping = new AbortController()
  const enrichment = { enrichers: {}, channels: () => ['all'] }
  const worker = runEnrichment({
    ...{ sql, app: 'count', schema: 'commitcast', enrichment, signal: stopping.signal },
    broker: memoryBroker(storage),
  })
  return {
    health: worker.health,
    async stop() {
      stopping.abort()
      await worker.done
    },
  }
}

function troubles(health: unknown): string[] {
  return Object.values((health as { troubles?: Record<number, string> } | undefined)?.troubles ?? {})
}

async function seenCount({ sql }: Counters): Promise<number> {
  const [row] = await sql.query<{ count: number }>('select count(*)::int as count from seen')
  return row!.count
}

function storedIn({ storage }: Counters, topic: string): number {
  return [...storage].filter(([name]) => name.startsWith(topic)).reduce((sum, [, log]) => sum + log.messages.length, 0)
}

const stored = (counters: Counters) => storedIn(counters, 'count-events')
const liveStored = (counters: Counters) => storedIn(counters, 'count-live')
