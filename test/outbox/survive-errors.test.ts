import { inspect } from 'node:util'
import { sqlOf, surviveErrors } from '@commitcast/outbox'
import pg from 'pg'
import { expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'

// An error event that nobody listens to would end this test's process.
test('a connection that is lost between two statements of a transaction fails the transaction and nothing else', async () => {
  await using database = await freshDatabase()
  const transaction = database.db.transaction().execute(async (trx) => {
    const sql = sqlOf(trx)
    const [row] = await sql.query<{ pid: number }>('select pg_backend_pid() as pid')
    await database.sql.query('select pg_terminate_backend($1)', [row!.pid])
    await eventually(async () =>
      expect(await database.sql.query('select from pg_stat_activity where pid = $1', [row!.pid])).toEqual([]),
    )
    await sql.query('select 1')
  })
  await expect(transaction).rejects.toThrow(/not queryable|terminat/)
  expect(await database.sql.query('select 1 as alive')).toEqual([{ alive: 1 }])
})

test("no logger prints the connection's secret key from an error that was reported", async () => {
  await using database = await freshDatabase()
  const errors: Error[] = []
  const pool = surviveErrors(new pg.Pool({ connectionString: database.url, max: 1 }), (error) => errors.push(error))
  const client = await pool.connect()
  const { processID } = client as unknown as { readonly processID: number }
  client.release()
  await database.sql.query('select pg_terminate_backend($1)', [processID])
  await eventually(() => expect(errors.length).toBeGreaterThan(0))
  await pool.end()
  expect(client).toHaveProperty('secretKey')
  expect(errors.map((error) => inspect(error, { depth: 10 })).join()).not.toContain('secretKey')
  expect(JSON.stringify(errors.map((error) => ({ ...error })))).not.toContain('secretKey')
})
