import { defineEvents } from '@commitcast/events'
import { createAppend, migrate, sqlOf } from '@commitcast/outbox'
import { createDatabase, type Server } from '@commitcast/servers'
import { Kysely, PostgresDialect } from 'kysely'
import type pg from 'pg'
import { z } from 'zod'
import { openPool } from './open-pool.ts'
import { partitions } from './sample-event.ts'

const events = defineEvents({ 'order.placed': { data: z.object({ customerId: z.string(), note: z.string() }) } })

/** `append` for the sample event. */
export const append = createAppend(events)

/** A database of its own with an outbox. */
export interface Outbox extends AsyncDisposable {
  readonly url: string
  readonly pool: pg.Pool
  /** How many events have been given offsets. */
  given(): Promise<number>
  /** Whether a relay sleeps, so that writers have to wake it. */
  isRelayAsleep(): Promise<boolean>
  /** Resolves when a relay has given `events` events in all, and fell asleep for want of more. */
  untilAsleep(events: number): Promise<void>
}

const patienceMs = 120_000

export async function openOutbox(server: Server, { maxConnections = 20 } = {}): Promise<Outbox> {
  const database = await createDatabase(server, 'bench')
  const pool = openPool(database.url, { max: maxConnections })
  await migrate(sqlOf(new Kysely({ dialect: new PostgresDialect({ pool }) })), { partitions })
  const count = async (text: string) => Number((await pool.query<{ count: string }>(text)).rows[0]?.count)
  const given = () => count('select coalesce(sum(count), 0) as count from commitcast.page')
  const isRelayAsleep = async () => (await count('select count(*) from commitcast.sleeping_relay')) > 0
  return {
    url: database.url,
    pool,
    given,
    isRelayAsleep,
    async untilAsleep(events) {
      for (const until = Date.now() + patienceMs; Date.now() < until; ) {
        if ((await given()) >= events && (await isRelayAsleep())) return
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
      throw new Error(
        `After ${patienceMs} ms the relay has given ${await given()} of ${events} events, or does not sleep.`,
      )
    },
    async [Symbol.asyncDispose]() {
      await pool.end()
      await database.drop()
    },
  }
}
