import { memoryBroker } from '@commitcast/broker/memory'
import { createCommitcast, defineEvents } from 'commitcast'
import { type Kysely, sql } from 'kysely'
import { expect, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'

interface Tables {
  thing: { n: number }
}

const events = defineEvents({ 'thing.done': { data: z.object({ n: z.number() }) } })

test('an address of Postgres is enough: tables, transactions, workers, subscriptions, and everything is closed', async () => {
  await using database = await freshDatabase()
  const cast = createCommitcast<typeof events, Tables>({ app: 'shop', events, connectionString: database.url })
  await cast.migrate()
  await cast.db.schema.createTable('thing').addColumn('n', 'integer').execute()
  const live = cast.live({ channels: () => ['things'] })
  const things = cast.projection('things', async (batch, trx) => {
    for (const { data } of batch) await trx.insertInto('thing').values(data).execute()
  })
  const stopping = new AbortController()
  const running = cast.run({ use: [live, things], signal: stopping.signal })
  await eventually(() =>
    expect(cast.health()).toMatchObject({
      relay: { ready: true },
      stream: { ready: true },
      groups: { things: { ready: true } },
    }),
  )
  await cast.db.transaction().execute((trx) => cast.append(trx, { type: 'thing.done', key: '1', data: { n: 7 } }))
  await eventually(async () => expect(await cast.db.selectFrom('thing').selectAll().execute()).toEqual([{ n: 7 }]))
  stopping.abort()
  await running
  await cast.close()
  await expect(cast.db.selectFrom('thing').selectAll().execute()).rejects.toThrow(/destroyed/)
  await cast.close()
  // A LISTEN that is still open would show here, too.
  await eventually(async () => expect(await connectionsOf(database.db)).toEqual([]))
})

/** Other connections to this database than this one. */
async function connectionsOf<T>(db: Kysely<T>): Promise<unknown[]> {
  const { rows } = await sql`
    select application_name, query from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
      and application_name in ('commitcast', '')`.execute(db)
  return rows
}

test('another broker may be given beside the address; a Kysely instance of the application stays open', async () => {
  await using database = await freshDatabase()
  const broker = memoryBroker()
  const cast = createCommitcast({ app: 'shop', events, connectionString: database.url, broker })
  expectTypeOf(cast.db).toEqualTypeOf<Kysely<unknown>>()
  await cast.close()
  const given = createCommitcast({ app: 'shop', events, db: database.db, broker: memoryBroker() })
  expect(given.db).toBe(database.db)
  await given.close()
  await sql`select 1`.execute(database.db)
})

test('the compiler refuses what does not fit together', async () => {
  await using database = await freshDatabase()
  const [db, connectionString, broker] = [database.db, database.url, memoryBroker()]
  const shared = { app: 'shop', events }
  const mistakes = [
    // @ts-expect-error neither a database nor its address
    () => createCommitcast({ ...shared }),
    // @ts-expect-error two databases
    () => createCommitcast({ ...shared, db, broker, connectionString }),
    // @ts-expect-error an instance of Kysely does not say where a broker could connect to
    () => createCommitcast({ ...shared, db }),
  ]
  for (const mistake of mistakes) expect(mistake).toThrow(/CAST_OPTION_INVALID|createCommitcast/)
})
