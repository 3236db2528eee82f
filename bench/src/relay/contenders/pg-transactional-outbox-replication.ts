import {
  createReplicationSegmentMutexConcurrencyController,
  DatabaseSetup,
  getDisabledLogger,
  initializeReplicationMessageListener,
} from 'pg-transactional-outbox'
import { openPool } from '../../open-pool.ts'
import type { Contender, Place } from '../contender.ts'
import { holdTable } from '../hold-table.ts'
import { openHandler, seedMessages, settings, table, tableNames } from './pg-transactional-outbox.ts'

/**
 * pg-transactional-outbox by logical replication. Of its concurrency controllers (README, "Replication listener
 * concurrency strategy") the one that keeps the order of a segment, which is the key here: faster than the default, which
 * carries one message at a time. Needs `wal_level = logical`.
 */
export const pgTransactionalOutboxReplication: Contender = {
  async seed(place) {
    const pool = openPool(place.databaseUrl)
    const { rows } = await pool.query<{ role: string }>('select quote_ident(current_user) as role')
    const config = { ...tableNames, listenerRole: rows[0]!.role, ...slotOf(place) }
    await pool.query(DatabaseSetup.dropAndCreateTable(config))
    await pool.query(DatabaseSetup.setupReplicationCore({ ...config, replicationSlot: config.replicationSlot }))
    await pool.query(DatabaseSetup.setupReplicationSlot(config))
    await pool.end()
    await seedMessages(place)
  },
  async prepare(place) {
    const { nc, count, handler } = await openHandler(place)
    const { publication, replicationSlot } = slotOf(place)
    const held = await holdTable(place.databaseUrl, table)
    const [shutdown] = initializeReplicationMessageListener(
      {
        outboxOrInbox: 'outbox',
        dbListenerConfig: { connectionString: place.databaseUrl },
        settings: { ...settings, dbPublication: publication, dbReplicationSlot: replicationSlot },
      },
      handler,
      getDisabledLogger(),
      { concurrencyStrategy: createReplicationSegmentMutexConcurrencyController() },
    )
    await held.wanted()
    return {
      async carry() {
        await held.release()
        await count.reached
      },
      async stop() {
        await shutdown()
        await nc.close()
        await dropSlot(place.databaseUrl, replicationSlot)
      },
    }
  },
}

/** A slot's name is the whole server's. */
function slotOf({ name }: Place) {
  return { publication: 'outbox_pub', replicationSlot: `${name.replaceAll('-', '_')}_slot` }
}

/** A slot that nobody reads keeps WAL for ever, and its database can't be dropped. */
async function dropSlot(databaseUrl: string, slot: string): Promise<void> {
  const pool = openPool(databaseUrl, { max: 1 })
  await pool.query('select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = $1', [slot])
  for (let tries = 0; ; tries++) {
    try {
      await pool.query('select pg_drop_replication_slot($1)', [slot])
      break
    } catch (error) {
      if (tries >= 50) throw error
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
  await pool.end()
}
