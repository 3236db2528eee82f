import { memoryBroker } from '@commitcast/broker/memory'
import { defineEvents } from '@commitcast/events'
import { createSchedule, createUnschedule, type Relay, type RelayOptions, runRelay } from '@commitcast/outbox'
import { type Sql, silentLogger } from '@commitcast/worker'
import pg from 'pg'
import { expect } from 'vitest'
import { z } from 'zod'
import { eventually } from '../fixtures/eventually.ts'
import type { freshDatabase } from '../fixtures/fresh-database.ts'

export type Database = Awaited<ReturnType<typeof freshDatabase>>

const events = defineEvents({ 'order.reminded': { data: z.object({ n: z.number() }) } })
export const schedule = createSchedule(events)
export const unschedule = createUnschedule()

export const reminder = (n: number, key = 'a') => ({ type: 'order.reminded', key, data: { n } }) as const

/** Fires once what is due, as a relay's look does. Returns how many events that were. */
export async function fire({ sql }: { readonly sql: Sql }): Promise<number> {
  const [row] = await sql.query<{ fired: number }>(fireText)
  return row!.fired
}

export const fireText = `select fired from commitcast.fire_due('-infinity', null, 1000, 2000000)`

/** The numbers of the events that were appended, in their order. */
export async function appended({ sql }: { readonly sql: Sql }): Promise<number[]> {
  const rows = await sql.query<{ n: number }>(`select (data->>'n')::int as n from commitcast.outbox order by position`)
  return rows.map(({ n }) => n)
}

/** What waits for its time: names and numbers, the next first. */
export async function waiting({ sql }: { readonly sql: Sql }): Promise<string[]> {
  const rows = await sql.query<{ line: string }>(
    `select name || ' ' || (data->>'n') as line from commitcast.scheduled_event order by at, number`,
  )
  return rows.map(({ line }) => line)
}

/** Makes all that waits due at once, in its order. */
export async function passTime({ sql }: { readonly sql: Sql }): Promise<void> {
  await sql.query(`update commitcast.scheduled_event set at = clock_timestamp() - interval '1 day'`)
}

/** A connection of its own, with its transaction open; until the block ends. */
export async function openTransaction({ url }: Pick<Database, 'url'>) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
  await client.query('begin')
  return { client, pid: rows[0]!.pid, [Symbol.asyncDispose]: () => client.end() }
}

/** Resolves when the connection waits for a lock. */
export async function isBlocked({ sql }: { readonly sql: Sql }, pid: number): Promise<void> {
  await eventually(async () => {
    const [row] = await sql.query<{ blocked: boolean }>('select cardinality(pg_blocking_pids($1)) > 0 as blocked', [
      pid,
    ])
    expect(row!.blocked).toBe(true)
  })
}

/** A relay in this process until the block ends. */
export function startRelay(
  { sql }: { readonly sql: Sql },
  options: Partial<RelayOptions> = {},
): Relay & AsyncDisposable {
  const stopping = new AbortController()
  const relay = runRelay({
    ...{ sql, broker: memoryBroker(), app: 'shop', schema: 'commitcast', logger: silentLogger },
    ...options,
    signal: stopping.signal,
  })
  return {
    ...relay,
    async [Symbol.asyncDispose]() {
      stopping.abort()
      await relay.done
    },
  }
}
