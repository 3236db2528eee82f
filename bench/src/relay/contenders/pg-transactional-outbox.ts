import {
  DatabaseSetupExporter,
  getDisabledLogger,
  initializePollingMessageListener,
  type StoredTransactionalMessage,
} from 'pg-transactional-outbox'
import { openPool } from '../../open-pool.ts'
import { keyOfN, payload, type } from '../../sample-event.ts'
import { seed } from '../../seed.ts'
import type { Contender, Place } from '../contender.ts'
import { countTo } from '../count-to.ts'
import { holdTable } from '../hold-table.ts'
import { openStreams, partitionOf } from '../open-streams.ts'

export const table = 'public.outbox'
export const tableNames = { outboxOrInbox: 'outbox', database: 'bench', schema: 'public', table: 'outbox' } as const
export const settings = {
  dbSchema: 'public',
  dbTable: 'outbox',
  enableMaxAttemptsProtection: false,
  enablePoisonousMessageProtection: false,
} as const

const functionName = 'next_outbox_messages'

/**
 * pg-transactional-outbox, polling: tables, function and indexes by its own script, settings as in "Implementing the
 * transactional outbox producer" of https://github.com/Zehelein/pg-transactional-outbox/tree/master/lib#readme. The
 * segment is the key, which keeps a key's order, as here; at most one message of a segment is carried at a time.
 */
export const pgTransactionalOutbox: Contender = {
  async seed(place) {
    const pool = openPool(place.databaseUrl)
    const { rows } = await pool.query<{ role: string }>('select quote_ident(current_user) as role')
    const config = { ...tableNames, listenerRole: rows[0]!.role, nextMessagesName: functionName }
    await pool.query(DatabaseSetupExporter.createPollingScript(config, true))
    await pool.end()
    await seedMessages(place)
  },
  async prepare(place) {
    const { nc, count, handler } = await openHandler(place)
    const held = await holdTable(place.databaseUrl, table)
    const [shutdown] = initializePollingMessageListener(
      {
        outboxOrInbox: 'outbox',
        dbListenerConfig: { connectionString: place.databaseUrl },
        settings: {
          ...settings,
          nextMessagesBatchSize: 5,
          nextMessagesFunctionName: functionName,
          nextMessagesPollingIntervalInMs: 250,
        },
      },
      handler,
      getDisabledLogger(),
    )
    await held.wanted()
    return {
      async carry() {
        await held.release()
        await count.reached
      },
      async stop() {
        await Promise.all([shutdown(), nc.close()])
      },
    }
  },
}

export async function seedMessages(place: Place): Promise<void> {
  await seed(
    { databaseUrl: place.databaseUrl, transactions: place.events },
    `insert into ${table} (id, aggregate_type, aggregate_id, message_type, segment, payload)
     values (gen_random_uuid(), 'order', ${keyOfN}, '${type}', ${keyOfN}, '${payload}')`,
  )
}

/** Publishes a message and waits, as its README has it. */
export async function openHandler({ natsUrl, name, events }: Place) {
  const { nc, js, subject } = await openStreams(natsUrl, name)
  const count = countTo(events)
  const handle = async ({ id, aggregateId, messageType, payload }: StoredTransactionalMessage) => {
    await js.publish(subject(partitionOf(aggregateId), messageType), JSON.stringify(payload), { msgID: id })
    count.add()
  }
  return { nc, count, handler: { handle } }
}
