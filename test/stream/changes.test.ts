import { memoryBroker } from '@commitcast/broker/memory'
import { sqlOf } from '@commitcast/outbox'
import { createCommitcast, defineEvents, type EventOf, trackChanges } from 'commitcast'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { createRandom } from '../fixtures/random.ts'

const row = z.object({ title: z.string(), isDeleted: z.boolean() })
const events = defineEvents({
  'item.asked': { data: z.object({ act: z.enum(['put', 'hide', 'show', 'remove', 'touch']), title: z.string() }) },
  'item.created': { data: row },
  'item.updated': { data: row },
  'item.deleted': { data: row },
})
type Asked = EventOf<typeof events, 'item.asked'>
type Act = Asked['data']['act']
type Told = Exclude<EventOf<typeof events>, Asked>
type Trx = Parameters<typeof sqlOf>[0]

test('each change of a row is told with the id of the event that caused it', async () => {
  await using items = await openItems({ maxBatch: 1 })
  const ids = await items.ask(
    ['a', 'put', 'Emma'],
    ['a', 'put', 'Persuasion'],
    ['a', 'put', 'Persuasion'],
    ['a', 'hide'],
    ['a', 'put', 'Emma'],
    ['a', 'show'],
    ['a', 'remove'],
  )
  await items.allDone()
  expect(await items.told()).toEqual([
    { type: 'item.created', title: 'Emma', cause: ids[0] },
    { type: 'item.updated', title: 'Persuasion', cause: ids[1] },
    { type: 'item.deleted', title: 'Persuasion', cause: ids[3] },
    { type: 'item.updated', title: 'Emma', cause: ids[5] },
    { type: 'item.deleted', title: 'Emma', cause: ids[6] },
  ])
})

test('nothing is told when the projection fails after telling', async () => {
  await using items = await openItems({ failures: 3 })
  await items.ask(['a', 'put', 'Emma'], ['b', 'put', 'Emma'])
  await items.allDone()
  expect(items.failed()).toBe(3)
  expect((await items.told()).map(({ type }) => type)).toEqual(['item.created', 'item.created'])
})

test('what was told, one after the other, makes the rows that can be seen', async () => {
  const random = createRandom()
  console.log(`seed ${random.seed}`)
  await using items = await openItems({ maxBatch: random.pick([1, 3, 50]), partitions: 3, failures: 2 })
  for (let round = 0; round < 10; round++) {
    const asked = Array.from({ length: random.int(1, 30) }, () => [
      random.pick(['a', 'b', 'c', 'd', 'e']),
      random.pick<Act>(['put', 'put', 'hide', 'show', 'remove', 'touch']),
      random.pick(['Emma', 'Persuasion']),
    ])
    await items.ask(...(asked as [string, Act, string][]))
  }
  await items.allDone()
  const folded = new Map<string, string>()
  for (const { type, key, title } of await items.told({ withKey: true })) {
    if (type === 'item.deleted') expect(folded.delete(key!)).toBe(true)
    else if (type === 'item.created' && folded.has(key!)) throw new Error(`${key} was told as created twice`)
    else folded.set(key!, title)
  }
  const seen = await items.sql.query<{ id: string; title: string }>('select id, title from item where not is_deleted')
  expect([...folded].sort()).toEqual(seen.map(({ id, title }) => [id, title]).sort())
})

/** Items that are changed by asking, and a projection that tells what became of them. */
async function openItems({ maxBatch = 100, partitions = 1, failures = 0 } = {}) {
  const database = await freshDatabase({ partitions })
  const { db, sql, url } = database
  await sql.query('create table item (id text primary key, title text, is_deleted boolean not null default false)')
  const cast = createCommitcast({ app: 'items', events, db, broker: memoryBroker(new Map()), listenTo: url })
  let failed = 0
  const asked: string[] = []
  const items = cast.projection(
    'items',
    async (batch, trx) => {
      const wanted = batch.filter((event) => event.type === 'item.asked')
      const changes = await trackChanges(
        wanted,
        { ids: (event) => [event.key], rows: (ids) => itemsById(trx, ids), isDeleted: (item) => item.isDeleted },
        () => write(trx, wanted),
      )
      await cast.append(
        trx,
        changes.map(({ kind, id, row, cause }) => ({
          type: `item.${kind}` as const,
          key: id,
          data: row,
          headers: { causationId: cause.id },
        })),
      )
      await sqlOf(trx).query('insert into done select unnest($1::text[])', [wanted.map(({ id }) => id)])
      if (failed < failures && failed++ < failures) throw new Error('not yet')
    },
    { maxBatch },
  )
  await sql.query('create table done (id text primary key)')
  const stopping = new AbortController()
  const running = cast.run({ roles: ['relay', 'consume'], use: [items], signal: stopping.signal })
  return {
    sql,
    failed: () => failed,
    async ask(...acts: readonly (readonly [key: string, act: Act, title?: string])[]) {
      const list = acts.map(([key, act, title = '']) => ({
        type: 'item.asked' as const,
        key,
        data: { act, title },
      }))
      const ids = await db.transaction().execute((trx) => cast.append(trx, list))
      asked.push(...ids)
      return ids
    },
    async allDone() {
      await eventually(async () => expect(await sql.query('select from done')).toHaveLength(asked.length))
    },
    async told({ withKey = false } = {}) {
      return sql.query<{ type: Told['type']; title: string; cause: string; key?: string }>(
        `select type, data ->> 'title' as title, headers ->> 'causation' as cause ${withKey ? ', key' : ''}
         from commitcast.outbox where type <> 'item.asked' order by position`,
      )
    },
    async [Symbol.asyncDispose]() {
      stopping.abort()
      await running
      await cast.close()
      await database[Symbol.asyncDispose]()
    },
  }
}

async function itemsById(trx: Trx, ids: readonly string[]) {
  const rows = await sqlOf(trx).query<{ id: string; title: string; isDeleted: boolean }>(
    'select id, title, is_deleted as "isDeleted" from item where id = any($1)',
    [ids],
  )
  return new Map(rows.map(({ id, ...item }) => [id, item]))
}

const statements: Readonly<Record<Act, string>> = {
  put: 'insert into item (id, title) values ($1, $2) on conflict (id) do update set title = excluded.title',
  hide: 'update item set is_deleted = true where id = $1',
  show: 'update item set is_deleted = false where id = $1',
  remove: 'delete from item where id = $1',
  touch: 'update item set title = title where id = $1',
}

async function write(trx: Trx, asked: readonly Asked[]): Promise<void> {
  for (const { key, data } of asked) {
    await sqlOf(trx).query(statements[data.act], data.act === 'put' ? [key, data.title] : [key])
  }
}
