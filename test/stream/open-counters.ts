import { type MemoryStorage, memoryBroker } from '@commitcast/broker/memory'
import { sqlOf } from '@commitcast/outbox'
import { silentLogger } from '@commitcast/worker'
import { type Commitcast, createCommitcast, defineEvents, type GroupDefinition, type Role } from 'commitcast'
import type { Kysely } from 'kysely'
import { expect } from 'vitest'
import { z } from 'zod'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'

const events = defineEvents({
  'count.grown': { data: z.object({ n: z.number(), isBad: z.boolean().optional() }) },
  'count.told': { data: z.object({ n: z.number() }) },
})

/** Parks an event at its first failure and leaves it to the operator. */
export const parkAtOnce = { type: 'park', afterMs: 0, retryForMs: 0 } as const

type Cast = Commitcast<typeof events, Record<string, never>>

type Database = Awaited<ReturnType<typeof freshDatabase>>

/** A database with events that are numbered per key, a memory broker, and workers that come and go. */
export async function openCounters({ partitions = 2, on }: { partitions?: number; on?: Database } = {}) {
  const database = on ?? (await freshDatabase({ partitions }))
  await database.sql.query('create table seen (number bigint generated always as identity, key text, n int)')
  const storage: MemoryStorage = new Map()
  const open = (db: Kysely<Record<string, never>> = database.db, release?: number): Cast =>
    createCommitcast({
      ...{ app: 'count', events, db, broker: memoryBroker(storage), listenTo: database.url, logger: silentLogger },
      ...(release !== undefined && { release }),
    })
  const cast = open()
  const running = new Set<{ stop(): Promise<void> }>()
  const counted = new Map<string, number>()
  return {
    ...database,
    cast,
    open,
    storage,
    /** Runs roles in this process, as one worker. */
    run(use: readonly GroupDefinition[], roles: readonly Role[] = ['consume'], worker: Cast = cast) {
      const stopping = new AbortController()
      const done = worker.run({ roles, use, signal: stopping.signal })
      const one = {
        async stop() {
          stopping.abort()
          await done
          running.delete(one)
        },
      }
      running.add(one)
      return one
    },
    /** Appends so many events, numbered from 1 on per key; those whose number within this call is in `bad` say so. */
    async grow(count: number, { keys = ['a', 'b', 'c', 'd'], bad = [] as readonly number[] } = {}) {
      await database.db.transaction().execute(async (trx) => {
        const list = Array.from({ length: count }, (_, index) => {
          const key = keys[index % keys.length]!
          const n = (counted.get(key) ?? 0) + 1
          counted.set(key, n)
          return { type: 'count.grown' as const, key, data: { n, ...(bad.includes(index) && { isBad: true }) } }
        })
        await cast.append(trx, list)
      })
    },
    /** Writes down what a projection saw. */
    async see(batch: readonly { key: string; data: { n: number } }[], trx: Parameters<typeof sqlOf>[0]) {
      await sqlOf(trx).query(
        `insert into seen (key, n) select e.key, e.n from json_to_recordset($1::text::json) as e(key text, n int)`,
        [JSON.stringify(batch.map(({ key, data }) => ({ key, n: data.n })))],
      )
    },
    /** What was seen, per key, in order. */
    async seen(): Promise<Record<string, number[]>> {
      const rows = await database.sql.query<{ key: string; ns: number[] }>(
        'select key, json_agg(n order by number) as ns from seen group by key order by key',
      )
      return Object.fromEntries(rows.map(({ key, ns }) => [key, ns]))
    },
    /** Waits until each key was seen from 1 to its last, once, in order. */
    async allSeen() {
      const want = Object.fromEntries(
        [...counted].map(([key, count]) => [key, Array.from({ length: count }, (_, index) => index + 1)]),
      )
      await eventually(async () => expect(await this.seen()).toEqual(want))
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...running].map((one) => one.stop()))
      await cast.close()
      await database[Symbol.asyncDispose]()
    },
  }
}
