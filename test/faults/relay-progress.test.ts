import { memoryBroker } from '@commitcast/broker/memory'
import { runRelay } from '@commitcast/outbox'
import type { Sql } from '@commitcast/worker'
import { expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { noteLog } from '../fixtures/note-log.ts'
import { openDatabase } from '../fixtures/open-database.ts'

const schema = 'commitcast'

/** A relay, until the block ends. */
function startRelay(sql: Sql, options: { readonly leaseTtlMs?: number } = {}) {
  const stopping = new AbortController()
  const { lines, logger } = noteLog()
  const broker = memoryBroker()
  const relay = runRelay({ sql, broker, app: 'shop', schema, signal: stopping.signal, logger, ...options })
  return {
    lines,
    health: relay.health,
    async [Symbol.asyncDispose]() {
      stopping.abort()
      await relay.done
    },
  }
}

test('a relay that may only read tries less and less often, logs one line, and is not ready', async () => {
  await using database = await freshDatabase({ partitions: 2 })
  const address = new URL(database.url)
  address.searchParams.set('options', '-c default_transaction_read_only=on')
  await using reader = openDatabase(address.href)
  const tries: number[] = []
  const counted: Sql = {
    query(text, values) {
      if (text.includes('check_cluster')) tries.push(performance.now())
      return reader.sql.query(text, values)
    },
  }
  await using relay = startRelay(counted)
  await eventually(() => expect(tries.length).toBeGreaterThanOrEqual(12))
  // Twelve that begin anew each time take half a second; the pauses alone come to some fifteen.
  expect(tries[11]! - tries[0]!).toBeGreaterThan(2_000)
  expect(relay.lines).toEqual(['warn relay waits'])
  expect(relay.health()).toMatchObject({ ready: false, code: '25006', since: expect.any(String) })
})

test('a relay is ready when it carries its partitions, or when others hold all of them', async () => {
  await using database = await freshDatabase({ partitions: 1 })
  await database.pool.query(`
    insert into ${schema}.lease (group_name, partition, owner) values ('relay', 0, 'elsewhere/1/1');
    insert into ${schema}.member (group_name, owner, seen_at, ttl_ms) values ('relay', 'elsewhere/1/1', clock_timestamp(), 3600000)`)
  await using relay = startRelay(database.sql)
  expect(relay.health()).toMatchObject({ ready: false, code: 'STARTING' })
  await eventually(() => expect(relay.health()).toEqual({ ready: true, partitions: [] }))
  await database.sql.query(`delete from ${schema}.member where owner = 'elsewhere/1/1'`)
  await eventually(() => expect(relay.health()).toEqual({ ready: true, partitions: [0] }))
})

test('a relay that gets none of the partitions that no relay holds is not ready, and names them', async () => {
  await using database = await freshDatabase({ partitions: 2 })
  await using blocker = await blockLeases(database)
  await using relay = startRelay(database.sql)
  await eventually(() =>
    expect(relay.health()).toMatchObject({
      ready: false,
      code: 'PARTITIONS_UNSERVED',
      trouble: 'No worker holds the partitions 0, 1.',
      since: expect.any(String),
    }),
  )
  await blocker.end()
  await eventually(() => expect(relay.health()).toEqual({ ready: true, partitions: [0, 1] }))
})

/** Locks the rows of the relays' leases, which are free: whoever looks for free ones skips them. */
async function blockLeases({ pool, sql }: Awaited<ReturnType<typeof freshDatabase>>) {
  await sql.query(`insert into ${schema}.lease (group_name, partition) values ('relay', 0), ('relay', 1)`)
  const client = await pool.connect()
  await client.query('begin')
  await client.query(`select from ${schema}.lease where group_name = 'relay' for update`)
  let hasEnded = false
  const end = async () => {
    if (!hasEnded) await client.query('rollback')
    if (!hasEnded) client.release()
    hasEnded = true
  }
  return { end, [Symbol.asyncDispose]: end }
}
