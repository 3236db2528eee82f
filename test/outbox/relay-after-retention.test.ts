import { Diverged, type Message } from '@commitcast/broker'
import { type MemoryStorage, memoryBroker } from '@commitcast/broker/memory'
import { refillPartition, retireEvents, runRelay } from '@commitcast/outbox'
import { describe, expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { readLog } from '../fixtures/read-log.ts'
import { all, type Database, oldDays, schema, segmentOf, write } from './old-days.ts'

describe('a relay that starts where the outbox has retired what it reads back', () => {
  test('continues after fewer new messages than it reads back', async () => {
    await using shop = await openShop()
    await shop.carry(9, 10)
    await shop.retire()
    await shop.carry(0, 3)
    await shop.carry(0, 3)
    expect(await shop.stored()).toBe(16)
  })

  test('continues a partition in which nothing has happened since', async () => {
    await using shop = await openShop()
    await shop.carry(9, 10)
    await shop.retire()
    await shop.carry(0, 0)
    await shop.carry(0, 1)
    expect(await shop.stored()).toBe(11)
  })

  test('continues where a page is retired in part', async () => {
    await using shop = await openShop()
    await shop.carry(9, 3)
    await write(shop.database, 9, 3)
    await shop.carry(0, 3)
    await shop.retire()
    await shop.carry(0, 1)
    expect(await shop.stored()).toBe(10)
  })

  test('continues where the broker lacks what was assigned in a long outage', async () => {
    await using shop = await openShop()
    await shop.carry(9, 10)
    await shop.retire()
    await shop.carry(0, 5)
    shop.log().messages.splice(-3)
    await shop.carry(0, 2)
    expect(await shop.stored()).toBe(17)
  })

  test('halts for a message above the last assigned offset, though all that was assigned is retired', async () => {
    await using shop = await openShop()
    await shop.carry(9, 10)
    await shop.retire()
    shop.log().messages.push(stray(11))
    expect(await shop.trouble()).toMatch(/Offset 11 .* holds event stray .* assigned the offsets up to 10/)
    await expect(shop.refill()).rejects.toThrow(Diverged)
  })

  test('halts for another event at an offset that is kept, behind offsets that are retired', async () => {
    await using shop = await openShop()
    await shop.carry(9, 10)
    await shop.retire()
    await shop.carry(0, 3)
    shop.log().messages.splice(11, 1, stray(12))
    expect(await shop.trouble()).toMatch(/Offset 12 .* holds event stray .* assigned it to event/)
    await expect(shop.refill()).rejects.toThrow(Diverged)
  })

  test('is no matter for a refill either', async () => {
    await using shop = await openShop()
    await shop.carry(9, 10)
    await shop.retire()
    await shop.carry(0, 3)
    shop.log().messages.splice(-2)
    expect(await shop.refill()).toMatchObject({ given: 13, appended: 2 })
  })
})

function stray(offset: number): Message {
  return { offset, id: 'stray', type: 'a', key: 'k', time: '', tx: '1', headers: {}, body: '1' }
}

/** An outbox of one partition and a broker in memory, which keeps everything. */
async function openShop() {
  const database: Database = await oldDays([9])
  const storage: MemoryStorage = new Map()
  const broker = memoryBroker(storage)
  const topic = await broker.topic({ name: 'shop-events', epoch: 1, partitions: 1 })
  const withRelay = async <T>(act: (relay: ReturnType<typeof runRelay>) => Promise<T>) => {
    const stopping = new AbortController()
    const relay = runRelay({
      ...{ sql: database.sql, broker, app: 'shop', schema, pollMs: 50, retentionMs: Number.POSITIVE_INFINITY },
      signal: stopping.signal,
    })
    return act(relay).finally(() => {
      stopping.abort()
      return relay.done
    })
  }
  let written = 0
  return {
    database,
    log: () => storage.get('shop-events-1_0')!,
    stored: async () => (await readLog(topic, 0)).length,
    /** Writes events of a day and has a relay that starts now carry all there is. */
    async carry(daysAgo: number, count: number) {
      await write(database, daysAgo, count)
      await withRelay(async (relay) => {
        await eventually(async () => {
          expect(relay.health()).toMatchObject({ ready: true, partitions: [0] })
          const [row] = await database.sql.query<{ last: number }>(
            'select coalesce(max(first_offset + count - 1), 0)::int as last from commitcast.page',
          )
          expect(row!.last).toBeGreaterThanOrEqual(written + count)
          expect(await topic.last(0)).toMatchObject({ offset: row!.last })
          written = row!.last
        })
      })
    },
    async retire() {
      expect((await retireEvents(database.sql, { storedUpTo: all })).segments).toEqual([segmentOf(9)])
    },
    trouble: () =>
      withRelay((relay) =>
        eventually(() => {
          const { troubles = {} } = relay.health() as { troubles?: Record<number, string> }
          expect(troubles[0]).toMatch(/holds event/)
          return troubles[0]
        }),
      ),
    refill: () => refillPartition(database.sql, { topic, partition: 0 }),
    async [Symbol.asyncDispose]() {
      await broker.close()
      await database[Symbol.asyncDispose]()
    },
  }
}
