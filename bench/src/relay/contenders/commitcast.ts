import type { Broker } from '@commitcast/broker'
import { natsBroker } from '@commitcast/broker/nats'
import { postgresBroker } from '@commitcast/broker/postgres'
import { migrate, type Relay, runRelay, sqlOf } from '@commitcast/outbox'
import type { Sql } from '@commitcast/worker'
import { Kysely, PostgresDialect } from 'kysely'
import { openPool } from '../../open-pool.ts'
import { poll } from '../../poll.ts'
import { keyOfN, keys, partitions, payload, type } from '../../sample-event.ts'
import { seed } from '../../seed.ts'
import type { Contender, Place } from '../contender.ts'
import { countStored } from '../count-stored.ts'
import { countTo } from '../count-to.ts'

/** Commitcast's relay as it comes, over the application's Kysely instance. */
export const commitcast: Contender = {
  async seed(place) {
    const { db, sql } = openDatabase(place.databaseUrl)
    await migrate(sql, { partitions })
    await db.destroy()
    const { databaseUrl, events, perTransaction } = place
    const append = perTransaction === 1 ? appendOne : appendMany(perTransaction)
    await seed({ databaseUrl, transactions: Math.ceil(events / perTransaction) }, append)
  },
  async prepare(place) {
    const { db, sql } = openDatabase(place.databaseUrl)
    const count = countTo(place.events)
    const broker = openBroker(place)
    const gate = createGate(sql)
    const idle = place.hasIdleTransaction ? await beginAndSitIdle(place.databaseUrl) : undefined
    const stopping = new AbortController()
    const relay = runRelay({
      sql: gate.sql,
      broker: countStored(broker, count),
      app: place.name,
      schema: 'commitcast',
      listenTo: place.databaseUrl,
      signal: stopping.signal,
    })
    await untilStarted(relay)
    await gate.reached
    return {
      carry() {
        gate.open()
        return count.reached
      },
      async stop() {
        stopping.abort()
        await relay.done
        await Promise.all([broker.close(), idle?.end(), db.destroy()])
      },
    }
  },
}

const appendOne = `perform commitcast.append('${type}', ${keyOfN}, '${payload}')`

/** What `append` does, for as many events at once, without a call for each: history has to be there soon. */
function appendMany(events: number): string {
  return `insert into commitcast.outbox (id, type, key, data)
    select gen_random_uuid(), '${type}', 'key-' || event % ${keys}, '${payload}' from generate_series(1, ${events}) event`
}

function openDatabase(databaseUrl: string) {
  const db = new Kysely<Record<string, never>>({ dialect: new PostgresDialect({ pool: openPool(databaseUrl) }) })
  return { db, sql: sqlOf(db) }
}

function openBroker({ broker, natsUrl, databaseUrl }: Place): Broker {
  return broker === 'nats' ? natsBroker({ servers: natsUrl }) : postgresBroker({ connectionString: databaseUrl })
}

/**
 * Lets everything pass but the first look at the outbox. That one waits until the gate is opened and then finds nothing,
 * because it asks for those partitions only that were ready first; the next one follows at once.
 */
function createGate(sql: Sql) {
  const opened = Promise.withResolvers<void>()
  const reached = Promise.withResolvers<void>()
  let isOpen = false
  void opened.promise.then(() => {
    isOpen = true
  })
  const gated: Sql = {
    async query(text, values) {
      if (text.includes('.assign_offsets(') && !isOpen) {
        reached.resolve()
        await opened.promise
        return []
      }
      return sql.query(text, values)
    },
  }
  return { sql: gated, reached: reached.promise, open: opened.resolve }
}

const startMs = 60_000

/** Until it holds its leases and knows where each of its streams ends. */
async function untilStarted(relay: Relay): Promise<void> {
  await poll(() => relay.health() as { readonly partitions?: readonly number[]; readonly troubles?: object }, {
    isDone: (health) => health.partitions?.length === partitions && health.troubles === undefined,
    everyMs: 10,
    patienceMs: startMs,
    late: (health) => `the relay has not started: ${JSON.stringify(health)}`,
  })
}

/** A transaction as a forgotten psql leaves it: an id and a snapshot of its own, and nobody there. */
async function beginAndSitIdle(databaseUrl: string) {
  const pool = openPool(databaseUrl, { max: 1 })
  const client = await pool.connect()
  await client.query('begin isolation level repeatable read')
  await client.query('select pg_current_xact_id(), count(*) from commitcast.topic')
  return {
    async end() {
      await client.query('rollback')
      client.release()
      await pool.end()
    },
  }
}
