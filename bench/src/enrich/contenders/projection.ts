import { natsBroker } from '@commitcast/broker/nats'
import { createCommitcast } from 'commitcast'
import { Kysely, PostgresDialect, sql } from 'kysely'
import type pg from 'pg'
import { openPool } from '../../open-pool.ts'
import { poll } from '../../poll.ts'
import { countTo } from '../../relay/count-to.ts'
import type { Contender } from '../contender.ts'
import { holdReads } from '../held-reads.ts'
import { orderEvents } from '../sample-orders.ts'

const patienceMs = 60_000
const lookMs = 1

/** Commitcast's projection as it comes, in one worker: a batch counts its orders by key, in one statement. */
export const projection: Contender = {
  async prepare({ databaseUrl, natsUrl, app, events, run }) {
    const pool = openPool(databaseUrl)
    const db = new Kysely<Record<string, never>>({ dialect: new PostgresDialect({ pool }) })
    const held = holdReads(natsBroker({ servers: natsUrl }), `${app}-events`)
    const cast = createCommitcast({ app, db, broker: held.broker, events: orderEvents })
    const count = countTo(events)
    const counter = cast.projection(`counter-${run}`, async (batch, trx) => {
      const counts = new Map<string, number>()
      for (const { key } of batch) counts.set(key, (counts.get(key) ?? 0) + 1)
      await sql`
        insert into order_count (key, orders) select * from unnest(${[...counts.keys()]}::text[], ${[...counts.values()]}::int[])
        on conflict (key) do update set orders = order_count.orders + excluded.orders`.execute(trx)
      count.add(batch.length)
    })
    const stopping = new AbortController()
    const running = cast.run({ roles: ['consume'], use: [counter], signal: stopping.signal })
    await held.reached
    return {
      async carry() {
        held.open()
        await count.reached
        await untilCommitted(pool, events)
      },
      async stop() {
        stopping.abort()
        await running
        await Promise.all([cast.close(), db.destroy()])
      },
    }
  },
}

/** The last transactions are about to commit: asks until it shows. */
async function untilCommitted(pool: pg.Pool, events: number): Promise<void> {
  const count = async () => {
    const { rows } = await pool.query<{ sum: string }>('select coalesce(sum(orders), 0) as sum from order_count')
    return Number(rows[0]?.sum)
  }
  await poll(count, {
    isDone: (counted) => counted >= events,
    everyMs: lookMs,
    patienceMs,
    late: (counted) => `${counted} of ${events} orders are counted.`,
  })
}
