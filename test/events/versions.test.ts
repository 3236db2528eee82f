import { readFileSync } from 'node:fs'
import type { Broker } from '@commitcast/broker'
import { memoryBroker } from '@commitcast/broker/memory'
import { decodeEvent, defineEvents, type Message } from '@commitcast/events'
import { createAppend, createAppendSql, readPages } from '@commitcast/outbox'
import type { BreaksOldEvents } from 'commitcast'
import { postgresBroker } from 'commitcast/postgres'
import { expect, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { readLog } from '../fixtures/read-log.ts'
import { startRelayed } from '../fixtures/relayed.ts'
import type { events as withOptionalField } from '../snippets/schema-optional-field.ts'
import type { eventsOfV1 as guideOf1 } from '../snippets/schema-v1.ts'
import { events as guideOf2 } from '../snippets/schema-v2.ts'
import { events as guideOf3 } from '../snippets/schema-v3.ts'

const schemaOf1 = z.object({ total: z.number(), at: z.date() })
const schemaOf2 = z.object({ cents: z.number(), at: z.date() })
const schemaOf3 = z.object({ cents: z.bigint(), days: z.array(z.date()) })

const from1 = ({ total, at }: z.infer<typeof schemaOf1>) => ({ cents: Math.round(total * 100), at })
const from2 = ({ cents, at }: z.infer<typeof schemaOf2>) => ({ cents: BigInt(cents), days: [at] })

/** The catalogue as it was deployed three times. */
const catalogOf1 = defineEvents({ 'order.placed': { data: schemaOf1 } })
const catalogOf2 = defineEvents({ 'order.placed': { data: schemaOf2, version: 2, upcast: { 1: from1 } } })
const catalogOf3 = defineEvents({ 'order.placed': { data: schemaOf3, version: 3, upcast: { 1: from1, 2: from2 } } })

const at = new Date('2026-01-31T12:00:00.000Z')
const type = 'order.placed'

const brokers: Readonly<Record<string, (connectionString: string) => Broker>> = {
  memory: () => memoryBroker(),
  postgres: (connectionString) => postgresBroker({ connectionString }),
}

test.each(Object.entries(brokers))(
  'events that were appended with every catalogue so far are read with the newest (%s broker)',
  async (_, open) => {
    await using database = await freshDatabase({ partitions: 1 })
    const { db, sql, url } = database
    const broker = open(url)
    const key = 'order-1'
    await db.transaction().execute(async (trx) => {
      await createAppend(catalogOf1)(trx, { type, key, data: { total: 1.5, at } })
      await createAppend(catalogOf2)(trx, { type, key, data: { cents: 250, at } })
      await createAppend(catalogOf3)(trx, [
        { type, key, data: { cents: 350n, days: [at] } },
        { type, key, data: { cents: 450n, days: [] }, headers: { actor: 'ada' } },
      ])
    })
    const statement = await createAppendSql(catalogOf3)({ type, key, data: { cents: 550n, days: [at, at] } })
    await sql.query(statement.text, statement.values)
    await sql.query(`select commitcast.append('order.placed', 'order-1', '{"cents": 650}', '{"version": "2"}')`)
    await sql.query(`select commitcast.append('order.placed', 'order-1', '{"cents": 750}', '{"version": 2}')`)
    await using relayed = await startRelayed({ sql, url, broker, partitions: 1 })
    expect(await relayed.hasCarriedAll()).toBe(7)

    const given = [
      { cents: 150n, days: [at] },
      { cents: 250n, days: [at] },
      { cents: 350n, days: [at] },
    ]
    const withSql = [
      { cents: 650n, days: [undefined] },
      { cents: 750n, days: [undefined] },
    ]
    const expected = [...given, { cents: 450n, days: [] }, { cents: 550n, days: [at, at] }, ...withSql]
    const read = (messages: readonly Message[]) =>
      messages.map((message) => catalogOf3.upcast(decodeEvent(message, { epoch: 1, partition: 0 })))
    const stored = read(await readLog(relayed.topic, 0))
    expect(stored.map(({ data }) => data)).toEqual(expected)
    expect(new Set(stored.map(({ headers }) => headers.schemaVersion))).toEqual(new Set([3]))
    expect(stored[3]!.headers.actor).toBe('ada')
    const pages = await readPages(sql, { schema: 'commitcast', epoch: 1, partition: 0, after: 0, maxPages: 100 })
    expect(read(pages.flatMap(({ messages }) => messages))).toEqual(stored)
    await broker.close()
  },
)

test('the schema version is written where it is above 1, and nowhere else', async () => {
  await using database = await freshDatabase({ partitions: 1 })
  await database.db.transaction().execute(async (trx) => {
    await createAppend(catalogOf1)(trx, { type, key: 'a', data: { total: 1, at } })
    await createAppend(catalogOf2)(trx, { type, key: 'a', data: { cents: 2, at } })
    // @ts-expect-error -- it is the catalogue's to say
    await createAppend(catalogOf2)(trx, { type, key: 'a', data: { cents: 3, at }, headers: { schemaVersion: 1 } })
  })
  const rows = await database.sql.query(
    `select headers->>'version' as version from commitcast.outbox order by position`,
  )
  expect(rows).toEqual([{ version: null }, { version: '2' }, { version: '2' }])
})

test('each catalogue of the guide reads what those before it wrote', () => {
  expectTypeOf<BreaksOldEvents<typeof guideOf1, typeof withOptionalField>>().toBeNever()
  expectTypeOf<BreaksOldEvents<typeof guideOf1, typeof guideOf2>>().toBeNever()
  expectTypeOf<BreaksOldEvents<typeof guideOf1, typeof guideOf3>>().toBeNever()
  expectTypeOf<BreaksOldEvents<typeof guideOf2, typeof guideOf3>>().toBeNever()
  expectTypeOf<BreaksOldEvents<typeof guideOf3, typeof guideOf2>>().toEqualTypeOf<'customer.joined'>()
})

test("an event of a SQL writer is read in the version that it says, as the guide's statement does", async () => {
  await using database = await freshDatabase({ partitions: 1 })
  const { sql, url } = database
  await sql.query(readFileSync(new URL('../snippets/append-schema-version.sql', import.meta.url), 'utf8'))
  await using relayed = await startRelayed({ sql, url, broker: memoryBroker(), partitions: 1 })
  await relayed.hasCarriedAll()
  const [message] = await readLog(relayed.topic, 0)
  const event = decodeEvent(message!, { epoch: 1, partition: 0 })
  expect(guideOf2.upcast(event)).toBe(event)
  expect(event.data).toEqual({ firstName: 'Ada', lastName: 'Lovelace', joinedOn: new Date('2026-01-31T00:00:00Z') })
  expect(guideOf3.upcast(event).data).toEqual({ firstName: 'Ada', lastName: 'Lovelace', joinedOn: '2026-01-31' })
})
