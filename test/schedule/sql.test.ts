import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { freshDatabase } from '../fixtures/fresh-database.ts'

const fireDue = 'select * from commitcast.fire_due($1::text::timestamptz, 0, 1000, 2000000)'

test('a scheduled event is appended once, after its time, with the id that it was scheduled with', async () => {
  await using database = await freshDatabase()
  const { sql } = database
  const id = randomUUID()
  await sql.query(
    `select commitcast.schedule('remind', clock_timestamp() + interval '200 ms', 'order.reminded', 'a', '{"n":1}', '{}', '', $1)`,
    [id],
  )
  const [early] = await sql.query(fireDue, ['-infinity'])
  expect(early).toMatchObject({ fired: 0, refused: null })
  await sql.query('select pg_sleep(0.2)')
  const [due] = await sql.query(fireDue, ['-infinity'])
  expect(due).toMatchObject({ fired: 1, refused: null })
  expect(await sql.query(fireDue, ['-infinity'])).toMatchObject([{ fired: 0 }])
  expect(await sql.query('select id, type, key, data from commitcast.outbox')).toEqual([
    { id, type: 'order.reminded', key: 'a', data: { n: 1 } },
  ])
})
