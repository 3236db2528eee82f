import { memoryBroker } from '@commitcast/broker/memory'
import { assignOffsets, readPages, runRelay } from '@commitcast/outbox'
import { expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { ownPostgres } from '../fixtures/own-postgres.ts'
import { leasesOf, onClient, schema } from './old-days.ts'

type Database = Awaited<ReturnType<typeof ownPostgres>>

test('a page that no standby has confirmed, because its relay’s wait was cancelled, is published by the next one only when one has', async () => {
  await using database = await ownPostgres({ partitions: 1 }, { synchronous_commit: 'local' })
  const leases = await leasesOf(database)
  await database.sql.query(`select commitcast.append('a', 'k', '0')`)
  await standby(database, `set synchronous_standby_names = 'missing'`)
  await giveAndCancel(database)
  expect(await readPages(database.sql, { schema, epoch: 1, partition: 0, after: 0 })).toHaveLength(1)

  await database.sql.query(`update commitcast.lease set owner = '', expires_at = '-infinity' where term = $1`, [
    leases[0]!.term,
  ])
  const broker = memoryBroker()
  const topic = await broker.topic({ name: 'shop-events', epoch: 1, partitions: 1 })
  const stopping = new AbortController()
  const relay = runRelay({ sql: database.sql, broker, app: 'shop', schema, signal: stopping.signal })
  try {
    await isWaitingForStandby(database, 'pg_logical_emit_message')
    expect(await topic.last(0)).toBeUndefined()
    await standby(database, 'reset synchronous_standby_names')
    await eventually(async () => expect(await topic.last(0)).toMatchObject({ offset: 1 }))
  } finally {
    stopping.abort()
    await standby(database, 'reset synchronous_standby_names')
    await relay.done
  }

  async function giveAndCancel({ pool, sql }: Database) {
    const client = await pool.connect()
    const giving = assignOffsets(onClient(client), { schema, leases, maxPage: 10 })
    const pid = await isWaitingForStandby(database, 'assign_offsets')
    await sql.query('select pg_cancel_backend($1)', [pid])
    await giving
    client.release()
  }
})

async function standby({ sql }: Database, how: string): Promise<void> {
  await sql.query(`alter system ${how}`)
  await sql.query('select pg_reload_conf()')
  await eventually(async () => {
    const [row] = await sql.query<{ names: string }>(`select current_setting('synchronous_standby_names') as names`)
    expect(row?.names).toBe(how.startsWith('set') ? 'missing' : '')
  })
}

function isWaitingForStandby({ sql }: Database, statement: string): Promise<number> {
  return eventually(async () => {
    const [row] = await sql.query<{ pid: number }>(
      `select pid from pg_stat_activity where wait_event = 'SyncRep' and query ~ $1`,
      [statement],
    )
    expect(row).toBeDefined()
    return row!.pid
  })
}
