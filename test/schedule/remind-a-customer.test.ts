import { readFileSync } from 'node:fs'
import { createDatabase } from '@commitcast/servers'
import { type Kysely, sql } from 'kysely'
import { expect, inject, test, vi } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { appended, fire, openTransaction, passTime, waiting } from './scheduled.ts'

test('the guide reminds a customer who has not paid after a day, and no one else; a report schedules the next one', async () => {
  await using database = await createDatabase(inject('postgresUrl'))
  vi.stubEnv('DATABASE_URL', database.url)
  const mails: string[] = []
  vi.stubGlobal('fetch', async (_url: string, { body }: { body: string }) => {
    mails.push((JSON.parse(body) as { to: string }).to)
    return new Response()
  })
  const { cast, placeOrder, payOrder, work } = await import('../snippets/remind-a-customer.ts')
  const stopping = new AbortController()
  try {
    await makeTables(cast.db as unknown as Kysely<never>)
    await cast.migrate()
    await placeOrder('first', 'ada', 1)
    await placeOrder('second', 'bruno', 1)
    await payOrder('first', 'ada')
    const day = new Date('2026-01-01T08:00:00Z')
    await cast.db
      .transaction()
      .execute((trx) =>
        cast.schedule(trx, { name: 'report', at: day, event: { type: 'report.due', key: 'report', data: { day } } }),
      )
    const working = work(stopping.signal)
    await eventually(() => expect(mails).toEqual(expect.arrayContaining(['staff', 'staff'])))
    await cast.db.transaction().execute((trx) => cast.unschedule(trx, 'report'))
    expect(mails).not.toContain('bruno')
    const hours = await cast.db.transaction().execute((trx) =>
      sql<{ name: string; hours: number }>`
        update commitcast.scheduled_event as event set at = clock_timestamp() from commitcast.scheduled_event as before
        where (before.owner, before.name) = (event.owner, event.name)
        returning event.name, round(extract(epoch from before.at - clock_timestamp()) / 3600)::int as hours`.execute(
        trx,
      ),
    )
    expect(hours.rows).toEqual([{ name: 'remind/second', hours: 24 }])
    await eventually(() => expect(mails).toContain('bruno'))
    expect(mails).not.toContain('ada')
    stopping.abort()
    await working
  } finally {
    stopping.abort()
    await cast.close()
    vi.unstubAllEnvs()
    vi.unstubAllGlobals()
  }
})

test('a role with the rights that the guides name schedules, replaces and cancels by SQL', async () => {
  await using database = await freshDatabase()
  const snippet = (name: string) => readFileSync(new URL(`../snippets/${name}.sql`, import.meta.url), 'utf8')
  const [remind, cancel] = snippet('schedule-in-sql').trim().split('\n') as [string, string]
  const role = `shop_writer_${process.pid}_${Date.now()}`
  const grants = `${snippet('rights-to-append')}${snippet('rights-to-schedule')}`.replaceAll('shop_writer', role)
  await database.sql.query(`create role ${role}; ${grants}`)
  {
    await using writer = await openTransaction(database)
    await writer.client.query(`set role ${role}`)
    await writer.client.query(remind)
    await writer.client.query(remind)
    expect((await writer.client.query(cancel)).rows).toEqual([{ unschedule: true }])
    await writer.client.query(remind.replace('"ada"', '"ada", "n": 1'))
    await writer.client.query('commit')
  }
  expect(await waiting(database)).toEqual(['remind/42 1'])
  await passTime(database)
  expect(await fire(database)).toBe(1)
  expect(await appended(database)).toEqual([1])
  await database.sql.query(`drop owned by ${role}; drop role ${role}`)
})

async function makeTables({ schema }: Kysely<never>): Promise<void> {
  await schema
    .createTable('orders')
    .addColumn('id', 'text')
    .addColumn('customerId', 'text')
    .addColumn('bookId', 'integer')
    .addColumn('status', 'text')
    .execute()
}
