import { type MemoryStorage, memoryBroker } from '@commitcast/broker/memory'
import { silentLogger } from '@commitcast/worker'
import {
  createCommitcast,
  defineEvents,
  type GroupDefinition,
  type ProcessOptions,
  type Role,
  stateType,
} from 'commitcast'
import { expect } from 'vitest'
import { z } from 'zod'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'

const about = z.object({ purchaseId: z.string() })

export const events = defineEvents({
  'purchase.requested': { data: z.object({ total: z.number() }) },
  'stock.wanted': { data: about },
  'stock.reserved': { data: about.extend({ isBad: z.boolean().optional() }) },
  'stock.refused': { data: about },
  'stock.released': { data: about },
  'wallet.charged': { data: about },
  'purchase.completed': { data: z.object({ total: z.number() }) },
  'purchase.failed': { data: z.object({ reason: z.string() }) },
})

export type Purchase =
  | { readonly status: 'reserving'; readonly total: number }
  | { readonly status: 'paying'; readonly total: number; readonly reservedAt: Date }
  | { readonly status: 'completed' }
  | { readonly status: 'failed'; readonly reason: string }

interface OpenOptions extends ProcessOptions {
  readonly partitions?: number
  /** How long a reservation may take. */
  readonly patienceMs?: (total: number) => number
  /** Throws while it is on and a reservation is bad. */
  readonly failing?: { isOn: boolean }
}

/** A database, a memory broker, and a process manager that reserves stock, then waits for the payment. */
export async function openPurchases({
  partitions = 4,
  patienceMs = () => 60_000,
  failing,
  ...options
}: OpenOptions = {}) {
  const database = await freshDatabase({ partitions })
  const storage: MemoryStorage = new Map()
  const open = () =>
    createCommitcast({
      ...{
        app: 'shop',
        events,
        db: database.db,
        broker: memoryBroker(storage),
        listenTo: database.url,
        logger: silentLogger,
      },
    })
  const cast = open()
  const define = (on = cast) =>
    on
      .process('purchase', {
        ...options,
        state: stateType<Purchase>(),
        instance: {
          'purchase.requested': (event) => event.key,
          'stock.reserved': (event) => event.data.purchaseId,
          'stock.refused': (event) => event.data.purchaseId,
          'wallet.charged': (event) => event.data.purchaseId,
        },
        timeouts: ['patience'],
        ends: ['completed', 'failed'],
      })
      .transitions({
        none: {
          'purchase.requested': ({ key, data }) => ({
            state: { status: 'reserving', total: data.total },
            append: { type: 'stock.wanted', key: `stock of ${key}`, data: { purchaseId: key } },
            timeouts: { patience: { afterMs: patienceMs(data.total) } },
          }),
          'stock.reserved': 'hold',
          'stock.refused': 'ignore',
          'wallet.charged': 'park',
        },
        reserving: {
          'purchase.requested': 'ignore',
          'stock.reserved': ({ total }, { data }) => {
            if (data.isBad && failing?.isOn) throw new Error('It was a bad reservation.')
            return {
              state: { status: 'paying', total, reservedAt: new Date(0) },
              timeouts: { patience: { afterMs: patienceMs(total) } },
            }
          },
          'stock.refused': (_, { key }) => ({
            state: { status: 'failed', reason: 'out of stock' },
            append: { type: 'purchase.failed', key, data: { reason: 'out of stock' } },
          }),
          'wallet.charged': 'ignore',
          'timeout:patience': () => ({ state: { status: 'failed', reason: 'no answer' } }),
        },
        paying: {
          'purchase.requested': 'ignore',
          'stock.reserved': 'ignore',
          'stock.refused': 'ignore',
          'wallet.charged': ({ total, reservedAt }, { data }) => ({
            state: { status: 'completed' },
            append: {
              type: 'purchase.completed',
              key: data.purchaseId,
              data: { total: reservedAt instanceof Date ? total : Number.NaN },
            },
          }),
          'timeout:patience': (_, { name }) => ({
            state: { status: 'failed', reason: `${name} ended` },
            append: { type: 'purchase.failed', key: 'late', data: { reason: name } },
          }),
        },
      })
  const running = new Set<{ stop(): Promise<void> }>()
  type NewEvent = Parameters<typeof cast.append>[1]
  return {
    ...database,
    cast,
    open,
    define,
    run(use: readonly GroupDefinition[] = [define()], roles: readonly Role[] = ['relay', 'consume'], worker = cast) {
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
    append: (list: NewEvent) => database.db.transaction().execute((trx) => cast.append(trx, list as never)),
    request: (key: string, total = 10) =>
      database.db
        .transaction()
        .execute((trx) => cast.append(trx, { type: 'purchase.requested', key, data: { total } })),
    /** By instance: its status. */
    async statuses(): Promise<Record<string, string>> {
      const rows = await database.sql.query<{ instance: string; status: string }>(
        'select instance, status from commitcast.process_instance order by instance',
      )
      return Object.fromEntries(rows.map(({ instance, status }) => [instance, status]))
    },
    async become(want: Record<string, string>) {
      await eventually(async () => expect(await this.statuses()).toEqual(want))
    },
    /** The events of a type, as `[key, data]`. */
    async appended(type: string) {
      const rows = await database.sql.query<{ key: string; data: unknown; causation: string }>(
        `select key, data::jsonb as data from commitcast.outbox where type = $1 order by position`,
        [type],
      )
      return rows.map(({ key, data }) => [key, data] as const)
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...running].map((one) => one.stop()))
      await cast.close()
      await database[Symbol.asyncDispose]()
    },
  }
}
