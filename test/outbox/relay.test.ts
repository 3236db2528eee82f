import type { Broker, Message } from '@commitcast/broker'
import { memoryBroker } from '@commitcast/broker/memory'
import { natsBroker } from '@commitcast/broker/nats'
import { runRelay } from '@commitcast/outbox'
import { describe, expect, inject, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'

const brokers: Record<string, () => Broker> = {
  memory: () => memoryBroker(),
  nats: () => natsBroker({ servers: inject('natsUrl') }),
}

const names = Object.keys(brokers).filter((name) => name !== 'nats' || inject('natsUrl'))

describe.each(names)('the relay on %s', (name) => {
  test('carries what many writers commit, once and in order per key', async () => {
    await using database = await freshDatabase({ partitions: 4 })
    const broker = brokers[name]!()
    const stopping = new AbortController()
    const app = `relay${process.pid}${name}${Date.now() % 100_000}`
    const relay = runRelay({
      sql: database.sql,
      broker,
      app,
      schema: 'commitcast',
      signal: stopping.signal,
      listenTo: database.url,
      maxPage: 50,
    })
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      for (let n = 0; n < 100; n++) {
        const client = await database.pool.connect()
        await client.query('begin')
        await client.query('select commitcast.append($1, $2, $3)', ['thing.made', `${writer}-${n % 3}`, { n }])
        if (n % 10 === 7) await new Promise((resolve) => setTimeout(resolve, n % 5))
        await client.query(n % 9 === 5 ? 'rollback' : 'commit')
        client.release()
      }
    })
    await Promise.all(writers)
    const committed = await database.sql.query<{ id: string }>('select id from commitcast.outbox')
    const topic = await broker.topic({ name: `${app}-events`, epoch: 1, partitions: 4 })
    const ends = await eventually(async () => {
      const lasts = await Promise.all([0, 1, 2, 3].map(async (p) => (await topic.last(p))?.offset ?? 0))
      expect(lasts.reduce((sum, last) => sum + last, 0)).toBe(committed.length)
      return lasts
    })
    const read: Message[] = []
    for (const [partition, end] of ends.entries()) {
      if (end === 0) continue
      for await (const batch of topic.read(partition, 0, { signal: AbortSignal.timeout(60_000) })) {
        read.push(...batch)
        if (batch.at(-1)?.offset === end) break
      }
    }
    expect(read.map((message) => message.id).sort()).toEqual(committed.map((row) => row.id).sort())
    const seen = new Map<string, number>()
    for (const message of read) {
      const { n } = JSON.parse(message.body)
      expect(n).toBeGreaterThan(seen.get(message.key) ?? -1)
      seen.set(message.key, n)
    }
    expect(relay.health()).toMatchObject({ ready: true, partitions: [0, 1, 2, 3] })
    stopping.abort()
    await relay.done
    await broker.close()
  })
})
