import { memoryBroker } from '@commitcast/broker/memory'
import { sqlOf } from '@commitcast/outbox'
import { silentLogger } from '@commitcast/worker'
import { createCommitcast, defineEvents } from 'commitcast'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { healthParts } from '../fixtures/health-parts.ts'
import { openDatabase } from '../fixtures/open-database.ts'

const events = defineEvents({ 'thing.done': { data: z.object({ n: z.number() }) } })

test('where the default is read-only, workers write nothing, say why, and continue when it ends', async () => {
  await using database = await freshDatabase({ partitions: 1 })
  const { sql } = database
  await sql.query('create table seen (n int)')
  await using ofWorkers = openDatabase(database.url)
  const cast = createCommitcast({ app: 'shop', events, db: ofWorkers.db, broker: memoryBroker(), logger: silentLogger })
  const seen = cast.projection('seen', async (batch, trx) => {
    for (const { data } of batch) await sqlOf(trx).query('insert into seen values ($1)', [data.n])
  })
  await database.db.transaction().execute((trx) => cast.append(trx, { type: 'thing.done', key: 'a', data: { n: 1 } }))
  const name = new URL(database.url).pathname.slice(1)
  await sql.query(`alter database "${name}" set default_transaction_read_only = on`)

  const stopping = new AbortController()
  const running = cast.run({ roles: ['relay', 'consume'], use: [seen], signal: stopping.signal })
  await eventually(() => {
    const {
      relay,
      groups: { seen: group },
    } = cast.health()
    for (const part of [relay, group]) {
      expect(part).toMatchObject({ ready: false, trouble: expect.stringMatching(/read-only transaction/) })
    }
  })
  expect(await sql.query('select from commitcast.page')).toEqual([])

  // A connection keeps the default that it began with.
  await sql.query(`alter database "${name}" reset default_transaction_read_only`)
  await sql.query(
    'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
  )
  await eventually(async () => expect(await sql.query('select n from seen')).toEqual([{ n: 1 }]))
  await eventually(() => {
    for (const part of Object.values(healthParts(cast.health()))) expect(part).toMatchObject({ ready: true })
  })
  stopping.abort()
  await running
  await cast.close()
})
