import { readdirSync, readFileSync } from 'node:fs'
import { memoryBroker } from '@commitcast/broker/memory'
import { defineEvents } from '@commitcast/events'
import { listParked, migrate, readPages, sqlOf } from '@commitcast/outbox'
import { createDatabase } from '@commitcast/servers'
import type { Sql } from '@commitcast/worker'
import { createCommitcast } from 'commitcast'
import { expect, inject, test } from 'vitest'
import { z } from 'zod'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { openDatabase } from '../fixtures/open-database.ts'
import { readLog } from '../fixtures/read-log.ts'
import { catalogueOf } from './catalogue.ts'
import { segmentOf } from './old-days.ts'

/** What `migrationSql({ partitions: 4 })` was at each commit that changed it, oldest first. */
const folder = new URL('schemas/', import.meta.url)
const schema = 'commitcast'
const partitions = [0, 1, 2, 3]
const events = defineEvents({ 'thing.made': { data: z.object({ n: z.number() }) } })

test.each(readdirSync(folder).sort())(
  'from %s with data in flight everything flows once and in order, and the tables become those of a fresh install',
  async (file) => {
    const { url, drop } = await createDatabase(inject('postgresUrl'))
    await using database = openDatabase(url, { onEnd: drop })
    const { sql } = database
    await database.pool.query(readFileSync(new URL(file, folder), 'utf8'))
    await append(sql, 0, 40)
    await giveSome(sql)
    const passed = await startGroup(sql)
    const refused = await parkOne(sql)
    await append(sql, 40, 60)

    expect(await migrate(sql)).toMatchObject({ isNewer: false })
    expect(await catalogueAhead(sql)).toEqual(await freshCatalogue())

    await append(sql, 60, 80)
    await using running = await runAll(database)
    await running.hasPublishedAll(refused)
    await running.hasSeenAll(passed, refused)
    expect((await listParked(sql, { schema })).map(({ eventId }) => eventId)).toEqual(refused)
  },
  120_000,
)

let fresh: Promise<string[]> | undefined
function freshCatalogue(): Promise<string[]> {
  const read = async () => {
    await using database = await freshDatabase({ partitions: 4 })
    return await catalogueAhead(database.sql)
  }
  fresh ??= read()
  return fresh
}

/** Each of ten keys counts up: `n` of a key is greater than those before it. */
async function append(sql: Sql, from: number, to: number): Promise<void> {
  for (let n = from; n < to; n += 2) {
    const list = [n, n + 1].map((n) => ({ type: 'thing.made', key: `key-${n % 10}`, data: { n } }))
    await sql.query(`select from ${schema}.append_all($1::text::json)`, [JSON.stringify(list)])
  }
}

/** Pages that were given and not published: with windows that end in the middle where a function gives. */
async function giveSome(sql: Sql): Promise<void> {
  await sql.query(`insert into ${schema}.lease (grp, partition, term) select 'relay', unnest($1::int[]), 1`, [
    partitions,
  ])
  if (await hasFunction(sql, 'give_pages')) {
    await sql.query(`select from ${schema}.give_pages($1, '{1,1,1,1}', 3)`, [partitions])
    return
  }
  await sql.query(`insert into ${schema}.page (epoch, partition, first_offset, count, term, from_snapshot, to_snapshot, floor,
      after_position, last_position, window_done)
    select 1, partition, 1, count(*), 1, '1:1:', pg_current_snapshot(), 0, 0, max(position), true
    from ${schema}.outbox group by partition`)
}

/** A group that has done the first offset of each partition. Returns how many events those are. */
async function startGroup(sql: Sql): Promise<number> {
  if (!(await hasFunction(sql, 'start_group'))) return 0
  await sql.query(`insert into ${schema}.lease (grp, partition, term) select 'things', unnest($1::int[]), 1`, [
    partitions,
  ])
  await sql.query(`select ${schema}.start_group('things', false)`)
  const done = await sql.query(
    `select ${schema}.commit_offset('things', partition, 1, 1, 1) from ${schema}.page where first_offset = 1`,
  )
  return done.length
}

/** Parks the event at offset 2 of a partition. Returns the ids of what is parked. */
async function parkOne(sql: Sql): Promise<string[]> {
  if (!(await hasFunction(sql, 'park_refused'))) return []
  await sql.query(`select ${schema}.park_refused(1, partition, 2, 1, 'too large') from ${schema}.page
    where first_offset = 1 and count > 1 order by partition limit 1`)
  const parked = await sql.query<{ id: string }>(`select event_id as id from ${schema}.parked`)
  expect(parked).toHaveLength(1)
  return parked.map(({ id }) => id)
}

async function hasFunction(sql: Sql, name: string): Promise<boolean> {
  const found = await sql.query(`select from pg_proc where pronamespace = '${schema}'::regnamespace and proname = $1`, [
    name,
  ])
  return found.length > 0
}

/** Releases made their days ahead further or less far, and some the day before, too. */
async function catalogueAhead(sql: Sql): Promise<string[]> {
  await sql.query(`drop table if exists ${schema}.${segmentOf(1)}`)
  await sql.query(`select ${schema}.create_segments(7)`)
  return catalogueOf(sql, schema)
}

/** A relay, and a group that notes what it sees. */
async function runAll({ sql, db }: ReturnType<typeof openDatabase>) {
  await sql.query('create table seen (nth bigint generated always as identity, id uuid, key text, n int)')
  const broker = memoryBroker()
  const cast = createCommitcast({ app: 'things', events, db, broker })
  const things = cast.projection('things', async (batch, trx) => {
    for (const { id, key, data } of batch) {
      await sqlOf(trx).query('insert into seen (id, key, n) values ($1, $2, $3)', [id, key, data.n])
    }
  })
  const stopping = new AbortController()
  const done = cast.run({ roles: ['relay', 'consume'], use: [things], signal: stopping.signal })
  const topic = await broker.topic({ name: 'things-events', epoch: 1, partitions: partitions.length })
  const written = () => sql.query<{ id: string }>(`select id from ${schema}.outbox order by id`)
  return {
    /** Each event at the offset that the page log has for it, placeholders for those that were refused. */
    async hasPublishedAll(refused: readonly string[]) {
      const logs = await eventually(async () => {
        const logs = await Promise.all(partitions.map((partition) => readLog(topic, partition)))
        expect(logs.flatMap((log) => log.map(({ id }) => id)).sort()).toEqual((await written()).map(({ id }) => id))
        return logs
      }, 60_000)
      for (const [partition, log] of logs.entries()) {
        const pages = await readPages(sql, { schema, epoch: 1, partition, after: 0, maxPages: 1_000 })
        expect(log).toEqual(pages.flatMap(({ messages }) => messages))
        expect(log.map(({ offset }) => offset)).toEqual(log.map((_, index) => index + 1))
      }
      const placeholders = logs.flat().filter(({ type }) => type === 'commitcast.refused')
      expect(placeholders.map(({ id }) => id)).toEqual(refused)
    },
    async hasSeenAll(passed: number, refused: readonly string[]) {
      const all = (await written()).length - passed - refused.length
      const seen = await eventually(async () => {
        const rows = await sql.query<{ id: string; key: string; n: number }>('select * from seen order by nth')
        expect(rows.length).toBe(all)
        return rows
      }, 60_000)
      expect(new Set(seen.map(({ id }) => id)).size).toBe(all)
      for (const key of new Set(seen.map(({ key }) => key))) {
        const counted = seen.filter((row) => row.key === key).map(({ n }) => n)
        expect(counted).toEqual(counted.toSorted((a, b) => a - b))
      }
    },
    async [Symbol.asyncDispose]() {
      stopping.abort()
      await done
      await cast.close()
    },
  }
}
