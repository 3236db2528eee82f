import { natsBroker } from '@commitcast/broker/nats'
import { sqlOf } from '@commitcast/outbox'
import { runEnrichment } from '@commitcast/stream'
import { Kysely, PostgresDialect } from 'kysely'
import { openPool } from '../../open-pool.ts'
import { countStored } from '../../relay/count-stored.ts'
import { countTo } from '../../relay/count-to.ts'
import type { Contender } from '../contender.ts'
import { holdReads } from '../held-reads.ts'
import { ordersEnrichment } from '../orders-enrichment.ts'
import { orderEvents } from '../sample-orders.ts'

/** Commitcast's stream worker as it comes, two kinds of metadata, over the application's own pool. */
export const commitcast: Contender = {
  async prepare({ databaseUrl, natsUrl, app, events }) {
    const pool = openPool(databaseUrl)
    const db = new Kysely<Record<string, never>>({ dialect: new PostgresDialect({ pool }) })
    const count = countTo(events)
    const held = holdReads(natsBroker({ servers: natsUrl }), `${app}-events`)
    const stopping = new AbortController()
    const worker = runEnrichment({
      sql: sqlOf(db),
      broker: countStored(held.broker, count),
      app,
      schema: 'commitcast',
      enrichment: ordersEnrichment(pool),
      upcast: orderEvents.upcast,
      signal: stopping.signal,
    })
    await held.reached
    return {
      carry() {
        held.open()
        return count.reached
      },
      async stop() {
        stopping.abort()
        await worker.done
        await Promise.all([held.broker.close(), db.destroy()])
      },
    }
  },
}
