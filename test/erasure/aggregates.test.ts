import { memoryBroker } from '@commitcast/broker/memory'
import { createCommitcast, defineEvents, type Erased, isErased, SubjectErased } from 'commitcast'
import { given } from 'commitcast/testing'
import { Kysely, PostgresDialect } from 'kysely'
import { expect, expectTypeOf, test, vi } from 'vitest'
import { z } from 'zod'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { createRandom } from '../fixtures/random.ts'
import { erased } from './open-shop.ts'

const events = defineEvents({
  'guest.signed': {
    data: z.object({ guest: z.string(), name: z.string() }),
    personal: { name: 'guest' },
  },
  'book.closed': { data: z.object({}) },
})

interface Book {
  readonly names: readonly (string | Erased)[]
  readonly isClosed: boolean
}

/** Guest books on a database of their own, with a snapshot every so many events; until the block ends. */
async function openBooks({ every = 1 } = {}) {
  const database = await freshDatabase()
  const { db, sql } = database
  const casts: { close(): Promise<void> }[] = []
  const node = () => {
    const cast = createCommitcast({ app: 'books', events, db, broker: memoryBroker() })
    casts.push(cast)
    const book = cast.aggregate('book', {
      initial: (): Book => ({ names: [], isClosed: false }),
      evolve: {
        'guest.signed': (before, { data }) => ({ ...before, names: [...before.names, data.name] }),
        'book.closed': (before) => ({ ...before, isClosed: true }),
      },
      snapshot: { every },
    })
    return { cast, book }
  }
  return {
    ...database,
    ...node(),
    node,
    snapshots: () =>
      sql.query<{ version: number; subjects: string; state: string }>(
        `select version::float8 as version, array_to_json(subjects)::text as subjects, state::text
         from commitcast.aggregate_snapshot order by key`,
      ),
    /** The rows of streams, snapshots and the outbox that hold a text. */
    async rowsWith(text: string) {
      const of = async (table: string) =>
        sql.query(`select from commitcast.${table} r where strpos(to_jsonb(r)::text, $1) > 0`, [text])
      return {
        events: (await of('aggregate_event')).length,
        outbox: (await of('outbox')).length,
        snapshots: (await of('aggregate_snapshot')).length,
      }
    },
    async [Symbol.asyncDispose]() {
      for (const cast of casts) await cast.close()
      await database[Symbol.asyncDispose]()
    },
  }
}

const sign =
  (guest: string, name = `Name of ${guest}`) =>
  () =>
    ({ type: 'guest.signed', data: { guest, name } }) as const
const none = { events: 0, outbox: 0, snapshots: 0 }

test('personal fields of an aggregate are encrypted, and its reducers get them in clear until the erasure', async () => {
  await using books = await openBooks({ every: 100 })
  const { cast, book, db } = books
  const { state } = await book.execute(db, 'b1', sign('g1'))
  expect(state.names).toEqual(['Name of g1'])
  expectTypeOf(state.names).toEqualTypeOf<readonly (string | Erased)[]>()
  await book.append(db, 'b1', sign('g2')(), { expectedVersion: 1 })
  expect(await book.load(db, 'b1')).toEqual({
    state: { names: ['Name of g1', 'Name of g2'], isClosed: false },
    version: 2,
  })
  expect(await books.rowsWith('Name of')).toEqual(none)
  await cast.erase('g1')
  expect((await book.load(db, 'b1')).state.names).toEqual([erased, 'Name of g2'])
  await expect(book.execute(db, 'b1', sign('g1'))).rejects.toThrow(SubjectErased)
  expect((await book.execute(db, 'b1', sign('g3'))).state.names).toEqual([erased, 'Name of g2', 'Name of g3'])
})

test('the key is made in the transaction of the append, which reads it back; one that rolled back is not used again', async () => {
  await using books = await openBooks({ every: 100 })
  const { book, db, sql } = books
  const failing = db.transaction().execute(async (trx) => {
    expect((await book.execute(trx, 'b1', sign('g1', 'first'))).state.names).toEqual(['first'])
    expect((await book.load(trx, 'b1')).state.names).toEqual(['first'])
    throw new Error('taken back')
  })
  await expect(failing).rejects.toThrow('taken back')
  await expect(book.append(db, 'b1', sign('g1')(), { expectedVersion: 7 })).rejects.toThrow('is at version 0')
  expect(await sql.query('select from commitcast.subject_key')).toEqual([])
  await book.execute(db, 'b1', sign('g1', 'second'))
  expect((await book.load(db, 'b1')).state.names).toEqual(['second'])
})

test('a load asks for all keys in one query, and for none where no event is personal', async () => {
  await using books = await openBooks({ every: 100 })
  const { book, db, pool } = books
  await book.append(
    db,
    'b1',
    ['g1', 'g2', 'g3'].map((guest) => sign(guest)()),
    { expectedVersion: 0 },
  )
  await book.execute(db, 'b2', () => ({ type: 'book.closed', data: {} }))
  const client = await pool.connect()
  try {
    const texts = vi.spyOn(client, 'query')
    const queries = () => texts.mock.calls.splice(0).map(([text]) => String(text).includes('subject_key'))
    await book.load(client, 'b1')
    const asked = queries().filter((isForKeys) => isForKeys)
    await book.load(client, 'b2')
    expect([asked.length, queries().includes(true)]).toEqual([1, false])
  } finally {
    client.release()
  }
})

test('a snapshot names whose personal fields it holds, also those of the one before, and goes with each of them', async () => {
  await using books = await openBooks()
  const { cast, book, db } = books
  await book.execute(db, 'b1', () => ({ type: 'book.closed', data: {} }))
  await eventually(async () => expect(await books.snapshots()).toMatchObject([{ version: 1, subjects: null }]))
  await book.execute(db, 'b1', sign('g1'))
  await eventually(async () => expect(await books.snapshots()).toMatchObject([{ version: 2, subjects: '["g1"]' }]))
  await book.execute(db, 'b1', sign('g2'))
  await eventually(async () => expect(await books.snapshots()).toMatchObject([{ version: 3, subjects: '["g1","g2"]' }]))
  await cast.erase('g1')
  expect(await books.snapshots()).toEqual([])
  await eventually(async () => {
    expect((await book.load(db, 'b1')).state.names).toEqual([erased, 'Name of g2'])
    expect(await books.snapshots()).toMatchObject([{ version: 3, subjects: '["g2"]' }])
  })
  expect(await books.rowsWith('Name of g1')).toEqual(none)
})

test('an erasure in REPEATABLE READ that does not see a snapshot fails, and can be tried again', async () => {
  await using books = await openBooks()
  const { cast, book, db } = books
  await book.execute(db, 'b1', () => ({ type: 'book.closed', data: {} }))
  const erasing = () =>
    db
      .transaction()
      .setIsolationLevel('repeatable read')
      .execute(async (trx) => {
        expect((await book.load(trx, 'b1')).version).toBeGreaterThan(0)
        await between()
        await cast.erase('g1', { trx })
      })
  let between = async () => {
    await book.execute(db, 'b1', sign('g1'))
    await eventually(async () => expect(await books.snapshots()).toMatchObject([{ version: 2 }]))
  }
  await expect(erasing()).rejects.toMatchObject({ code: '40001' })
  between = async () => {}
  await erasing()
  expect(await books.snapshots()).toEqual([])
})

test('while an erasure is under way no snapshot of its subject is stored, and nothing waits for it', async () => {
  await using books = await openBooks()
  const { cast, book, db } = books
  await book.execute(db, 'b1', sign('g1'))
  await db.transaction().execute(async (trx) => {
    await cast.erase('g1', { trx })
    const { state } = await book.execute(db, 'b1', sign('g2'))
    expect(state.names).toEqual(['Name of g1', 'Name of g2'])
    // Waits for what is being stored.
    await cast.close()
  })
  expect(await books.snapshots()).toEqual([])
})

test('given needs no database for personal fields', async () => {
  const connect = () => Promise.reject(new Error('Nothing connects.'))
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool: { connect, end: async () => {} } as never }) })
  const cast = createCommitcast({ app: 'books', events, db, broker: memoryBroker() })
  const book = cast.aggregate('book', {
    initial: (): Book => ({ names: [], isClosed: false }),
    evolve: { 'guest.signed': (before, { data }) => ({ ...before, names: [...before.names, data.name] }) },
  })
  const ada = sign('g1', 'Ada')()
  const again = ({ names }: Book) => (names.includes('Ada') ? undefined : ada)
  expect(await given(book).when(again).thenAppends(ada)).toMatchObject({ names: ['Ada'] })
  await given(book, ada).when(again).thenNothing()
})

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 1e9))

test(`writers, readers and erasures at once leave no plain text of an erased guest (SEED=${seed})`, async () => {
  const random = createRandom(seed)
  await using books = await openBooks({ every: 2 })
  const { db } = books
  const nodes = [books, books.node(), books.node()]
  const guests = ['g1', 'g2', 'g3', 'g4', 'g5', 'g6']
  const gone = new Set<string>()
  const write = async (n: number) => {
    const { book } = random.pick(nodes)
    const guest = random.pick(guests)
    await book.execute(db, random.pick(['b1', 'b2']), sign(guest, `${n} by ${guest}.`)).catch((error) => {
      if (!(error instanceof SubjectErased)) throw error
      expect(gone).toContain(guest)
    })
  }
  const read = async () => {
    const { book } = random.pick(nodes)
    const before = [...gone]
    const settled = new Set(before.filter((guest) => isDone.has(guest)))
    const { state } = await book.load(db, random.pick(['b1', 'b2']))
    for (const guest of settled) expect(JSON.stringify(state.names)).not.toContain(`by ${guest}.`)
  }
  const isDone = new Set<string>()
  const erase = async () => {
    const { cast } = random.pick(nodes)
    const guest = random.pick(guests)
    gone.add(guest)
    const isolation = random.pick(['read committed', 'repeatable read', 'serializable'] as const)
    for (let isErasing = true; isErasing; ) {
      const erasing = db
        .transaction()
        .setIsolationLevel(isolation)
        .execute((trx) => cast.erase(guest, { trx }))
      isErasing = await erasing.then(
        () => false,
        (error) => {
          if (error.code !== '40001') throw error
          return true
        },
      )
    }
    isDone.add(guest)
    expect(await books.rowsWith(`by ${guest}.`)).toEqual(none)
  }
  for (let round = 0; round < 25; round++) {
    const works = Array.from({ length: 6 }, (_, n) => {
      if (random.chance(0.03)) return erase()
      return random.chance(0.3) ? read() : write(6 * round + n)
    })
    await Promise.all(works)
  }
  await erase()
  for (const { cast } of nodes) await cast.close()
  for (const guest of gone) expect(await books.rowsWith(`by ${guest}.`)).toEqual(none)
  const last = books.node()
  for (const key of ['b1', 'b2']) {
    const stored = await books.sql.query<{ guest: string }>(
      `select data->>'guest' as guest from commitcast.aggregate_event where key = $1 order by version`,
      [key],
    )
    const { state } = await last.book.load(db, key)
    const shown = state.names.map((name) => (isErased(name) ? undefined : /by (.*)\./.exec(name)![1]))
    expect(shown).toEqual(stored.map(({ guest }) => (gone.has(guest) ? undefined : guest)))
  }
})
