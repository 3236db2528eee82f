import {
  causationOf,
  createOnce,
  deleteOldAnswers,
  KeyReused,
  readCommand,
  readCommandHeaders,
  sqlOf,
} from '@commitcast/outbox'
import { describe, expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { createRandom } from '../fixtures/random.ts'

const once = createOnce()
const caller = 'ada'

describe('a command with an idempotency key', () => {
  test('is done once, and answered the same each time, with dates and maps', async () => {
    await using database = await freshDatabase()
    const answer = { at: new Date(5), seen: new Map([['a', 1n]]), nothing: undefined }
    let done = 0
    const act = async () => {
      done++
      return answer
    }
    const ask = () => database.db.transaction().execute((trx) => once(trx, { caller, key: 'k' }, act))
    expect([await ask(), await ask(), await ask()]).toEqual([answer, answer, answer])
    expect(done).toBe(1)
  })

  test('may be answered with nothing', async () => {
    await using database = await freshDatabase()
    let done = 0
    const ask = () =>
      database.db.transaction().execute((trx) =>
        once(trx, { caller, key: 'k' }, async () => {
          done++
        }),
      )
    expect([await ask(), await ask(), done]).toEqual([undefined, undefined, 1])
  })

  test('is done again where its first transaction rolled back', async () => {
    await using database = await freshDatabase()
    const failing = database.db.transaction().execute((trx) =>
      once(trx, { caller, key: 'k' }, async () => {
        throw new Error('out of stock')
      }),
    )
    await expect(failing).rejects.toThrow('out of stock')
    expect(await database.db.transaction().execute((trx) => once(trx, { caller, key: 'k' }, async () => 'done'))).toBe(
      'done',
    )
  })

  test('is done again where it failed and the transaction went on', async () => {
    await using database = await freshDatabase()
    await database.db.transaction().execute(async (trx) => {
      const failing = once(trx, { caller, key: 'k' }, async () => {
        throw new Error('out of stock')
      })
      await expect(failing).rejects.toThrow('out of stock')
    })
    expect(await database.db.transaction().execute((trx) => once(trx, { caller, key: 'k' }, async () => 'done'))).toBe(
      'done',
    )
  })

  test('with an answer that would not be read back unchanged is refused, and the key is free again', async () => {
    await using database = await freshDatabase()
    await database.db.transaction().execute(async (trx) => {
      const photo = once(trx, { caller, key: 'k' }, async () => ({ photo: Buffer.from('x') }))
      await expect(photo).rejects.toThrow(/the answer\.photo is a Buffer/)
    })
    expect(await database.db.transaction().execute((trx) => once(trx, { caller, key: 'k' }, async () => 'done'))).toBe(
      'done',
    )
  })

  test('that comes a second time while the first is at work waits for it', async () => {
    await using database = await freshDatabase()
    const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>()
    const ask = (answer: string) =>
      database.db.transaction().execute((trx) =>
        once(trx, { caller, key: 'k' }, async () => {
          await mayEnd
          return answer
        }),
      )
    const first = ask('first')
    await eventually(async () => expect(await waiting(database, 'idle in transaction')).toBe(1))
    const second = ask('second')
    await eventually(async () => expect(await waiting(database, 'active')).toBe(1))
    end()
    expect(await Promise.all([first, second])).toEqual(['first', 'first'])
  })

  test('is done once, whoever tries and however often, with tries that fail', async () => {
    const random = createRandom()
    await using database = await freshDatabase()
    await database.sql.query('create table bought (key text)')
    for (let round = 0; round < 25; round++) {
      const key = `key ${round}`.replace(' ', '-')
      const tries = Array.from({ length: 8 }, (_, nth) =>
        database.db.transaction().execute((trx) =>
          once(trx, { caller, key }, async () => {
            await sqlOf(trx).query('insert into bought values ($1)', [key])
            if (nth > 0 && random.chance(0.4)) throw new Error('taken back')
            return nth
          }),
        ),
      )
      const ends = await Promise.allSettled(tries)
      const answers = new Set(ends.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : [])))
      expect(answers.size, `SEED=${random.seed}`).toBe(1)
    }
    expect(await database.sql.query('select count(*)::int, count(distinct key)::int as keys from bought')).toEqual([
      { count: 25, keys: 25 },
    ])
  })

  test('is refused with another input, and nothing is done', async () => {
    await using database = await freshDatabase()
    const ask = (bookId: number) => {
      const ids = { '~command': { id: 'c', key: 'k' } }
      const command = readCommand({ bookId, ...ids }, 'orders.place')
      return database.db.transaction().execute((trx) => once(trx, { ...command, caller }, async () => bookId))
    }
    expect([await ask(1), await ask(1)]).toEqual([1, 1])
    const refusal = await ask(2).catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(KeyReused)
    expect(String(refusal)).toMatch(/came before with another command: take a new key/)
  })

  test('is another command for another caller, who gets nothing of the first one’s answer', async () => {
    await using database = await freshDatabase()
    const ask = (caller: string, key: string) =>
      database.db.transaction().execute((trx) => once(trx, { caller, key, fingerprint: 'f' }, async () => caller))
    expect([await ask('ada', 'k'), await ask('bob', 'k'), await ask('ada', 'k')]).toEqual(['ada', 'bob', 'ada'])
    // No two pairs are stored as one.
    expect([await ask('a', 'b","c'), await ask('a","b', 'c')]).toEqual(['a', 'a","b'])
  })

  test.each([[undefined], [''], [7], ['x'.repeat(501)]])('is refused for the caller %j', async (caller) => {
    await using database = await freshDatabase()
    const ask = database.db.transaction().execute((trx) => once(trx, { caller: caller as string }, async () => 1))
    await expect(ask).rejects.toThrow(/^once: the caller is .*: give the id of the user or the session/)
  })

  test('that an earlier release answered, which knew no callers, is not done again', async () => {
    await using database = await freshDatabase()
    await database.sql.query(
      `insert into commitcast.answer (key, id, fingerprint, answer) values ('k', 'c', 'f', '{"json":"before"}')`,
    )
    const ask = (fingerprint: string) =>
      database.db.transaction().execute((trx) => once(trx, { caller, key: 'k', fingerprint }, async () => 'now'))
    expect([await ask('f'), await ask('f')]).toEqual(['before', 'before'])
    expect(await ask('g')).toBe('now')
  })

  test('works with a pg client', async () => {
    await using database = await freshDatabase()
    const client = await database.pool.connect()
    const ask = async (answer: string) => {
      await client.query('begin')
      const given = await once(client, { caller, key: 'k' }, async () => answer)
      await client.query('commit')
      return given
    }
    expect([await ask('first'), await ask('second')]).toEqual(['first', 'first'])
    client.release()
  })

  test('is answered with so much at most', async () => {
    await using database = await freshDatabase()
    const ask = database.db
      .transaction()
      .execute((trx) => once(trx, { caller, key: 'k' }, async () => 'x'.repeat(300_000)))
    await expect(ask).rejects.toThrow(/the answer takes 300\d\d\d bytes, at most 262144 are kept/)
  })
})

test('a command outside a transaction is refused, with or without a key', async () => {
  await using database = await freshDatabase()
  for (const command of [{}, { key: 'k' }])
    for (const place of [database.db, database.pool]) {
      // @ts-expect-error neither is a transaction
      const refused = once(place, { ...command, caller }, async () => 1)
      await expect(refused).rejects.toMatchObject({
        code: 'NOT_IN_TRANSACTION',
        message: expect.stringMatching(/outside a transaction.*pass it the trx/),
      })
    }
})

test('a command without a key is simply done', async () => {
  await using database = await freshDatabase()
  let done = 0
  const ask = () =>
    database.db.transaction().execute((trx) => once(trx, { ...readCommand({}, 'a'), caller }, async () => ++done))
  expect([await ask(), await ask()]).toEqual([1, 2])
  expect(await database.sql.query('select from commitcast.answer')).toEqual([])
})

test('old answers are deleted in batches, and one that somebody holds is left alone', async () => {
  await using database = await freshDatabase()
  await database.sql.query(`insert into commitcast.answer (key, id, made_at)
    select n, n, now() - make_interval(hours => n) from generate_series(1, 100) as n`)
  const options = { schema: 'commitcast', keepMs: 50 * 3_600_000, batch: 7 }
  const deleted = await database.db.transaction().execute(async (trx) => {
    await sqlOf(trx).query(`select from commitcast.answer where key = '90' for update`)
    return deleteOldAnswers(database.sql, options)
  })
  expect([deleted, await deleteOldAnswers(database.sql, options)]).toEqual([50, 1])
  expect(
    await database.sql.query(
      "select count(*)::int, min(made_at) > now() - interval '50 h' as kept from commitcast.answer",
    ),
  ).toEqual([{ count: 49, kept: true }])
})

describe('what a command carries', () => {
  test('comes from the headers of a plain request, of Node and of fetch', () => {
    const headers = { 'idempotency-key': 'k', 'x-command-id': 'c', 'x-correlation-id': 'r', 'x-causation-id': 'e' }
    const command = readCommandHeaders(headers, { any: 'body' })
    expect(command).toMatchObject({ id: 'c', key: 'k', correlationId: 'r', causationId: 'e' })
    expect(readCommandHeaders(new Headers(headers), { any: 'body' })).toEqual(command)
    expect(causationOf(command)).toEqual({ correlationId: 'r', causationId: 'c' })
  })

  test('is made up where nothing came', () => {
    const { id, correlationId, ...nothing } = readCommandHeaders({})
    expect([correlationId, nothing]).toEqual([id, {}])
    expect(id).toMatch(/^[0-9a-f-]{36}$/)
  })

  test.each([['a\nb'], [''], ['x'.repeat(201)], [7], [{}], ['ключ']])('is refused where it is no id: %j', (key) => {
    expect(() => readCommand({ '~command': { id: 'c', key } }, 'a')).toThrow(/The key of the command is/)
  })
})

async function waiting({ sql }: Pick<Awaited<ReturnType<typeof freshDatabase>>, 'sql'>, state: string) {
  const [row] = await sql.query<{ count: number }>(
    `select count(*)::int from pg_stat_activity
     where datname = current_database() and state = $1 and query like '%.answer (key%' and pid <> pg_backend_pid()`,
    [state],
  )
  return row!.count
}
