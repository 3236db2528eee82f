import { VersionConflict } from 'commitcast'
import { describe, expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { openRooms } from './open-rooms.ts'
import { open, say } from './room.ts'

const key = 'r1'
const hi = { type: 'room.said', data: { author: 'ada', text: 'hi' } } as const

describe('of two writers that decided by the same version', () => {
  test('the second gets an error that names both versions, and has written nothing', async () => {
    await using rooms = await openRooms()
    const { db, room } = rooms
    const append = (expectedVersion: number) =>
      db.transaction().execute((trx) => room.append(trx, key, [hi, hi], { expectedVersion }))
    expect(await append(0)).toMatchObject({ version: 2, ids: [expect.any(String), expect.any(String)] })
    const conflict = await append(0).catch((error: unknown) => error)
    expect(conflict).toBeInstanceOf(VersionConflict)
    expect(conflict).toMatchObject({ code: 'VERSION_CONFLICT', aggregate: 'room', key, expected: 0, actual: 2 })
    await expect(append(1)).rejects.toMatchObject({ expected: 1, actual: 2 })
    await expect(append(7)).rejects.toMatchObject({ expected: 7, actual: 2 })
    expect(await append(2)).toMatchObject({ version: 4 })
    expect(await rooms.outbox(key)).toEqual((await rooms.stream(key)).map(({ id, type }) => ({ id, type })))
  })

  test('the second waits for the first to commit, and takes its place where that rolls back', async () => {
    await using rooms = await openRooms()
    const { db, room, pool } = rooms
    for (const end of ['rollback', 'commit']) {
      const { version } = await room.load(db, key)
      const first = await pool.connect()
      await first.query('begin')
      await room.append(first, key, hi, { expectedVersion: version })
      const second = db.transaction().execute((trx) => room.append(trx, key, [hi, hi], { expectedVersion: version }))
      const ended = second.then(
        () => 'appended',
        (error: unknown) => error,
      )
      await eventually(async () => {
        const waiting = `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
        expect(await rooms.sql.query(waiting)).toHaveLength(1)
      })
      await first.query(end)
      first.release()
      if (end === 'rollback') expect(await ended).toBe('appended')
      else expect(await ended).toMatchObject({ code: 'VERSION_CONFLICT', expected: version, actual: version + 1 })
    }
    expect((await rooms.stream(key)).map(({ version }) => version)).toEqual([1, 2, 3])
  })

  test.each(['read committed', 'repeatable read', 'serializable'] as const)(
    'the second can continue its transaction in %s',
    async (level) => {
      await using rooms = await openRooms()
      const { db, room } = rooms
      await rooms.sql.query('create table beside (n int)')
      await room.execute(db, key, open)
      await db
        .transaction()
        .setIsolationLevel(level)
        .execute(async (trx) => {
          const { version } = await room.load(trx, key)
          await room.execute(db, key, say('first'))
          const conflict = await room
            .append(trx, key, hi, { expectedVersion: version })
            .catch((error: unknown) => error)
          expect(conflict).toMatchObject({ code: 'VERSION_CONFLICT', expected: 1, actual: 2 })
          const { numInsertedOrUpdatedRows } = await trx
            .withTables<{ beside: { n: number } }>()
            .insertInto('beside')
            .values({ n: 1 })
            .executeTakeFirst()
          expect(numInsertedOrUpdatedRows).toBe(1n)
          await room.append(trx, 'another', hi, { expectedVersion: 0 })
        })
      expect(await rooms.sql.query('select n from beside')).toHaveLength(1)
      expect(await rooms.stream(key)).toHaveLength(2)
      expect(await rooms.outbox(key)).toHaveLength(2)
      expect(await rooms.outbox('another')).toHaveLength(1)
    },
  )
})

describe('a serializable transaction', () => {
  test('of two that decide by each other’s aggregates one fails, and both decide right when they are done again', async () => {
    await using rooms = await openRooms()
    const { db, room } = rooms
    const closeUnlessClosed = (own: string, other: string, meet: () => Promise<void>) => async () => {
      await db
        .transaction()
        .setIsolationLevel('serializable')
        .execute(async (trx) => {
          const { state } = await room.load(trx, other)
          await meet()
          if (!state.isClosed) await room.execute(trx, own, () => ({ type: 'room.closed', data: {} }))
        })
    }
    const { promise, resolve } = Promise.withResolvers<void>()
    let arrived = 0
    const meet = async () => {
      if (++arrived >= 2) resolve()
      await promise
    }
    const tries = [closeUnlessClosed('a', 'b', meet), closeUnlessClosed('b', 'a', meet)]
    const ends = await Promise.allSettled(tries.map((act) => act()))
    const failed = ends.flatMap((end, nth) => (end.status === 'rejected' ? [{ nth, reason: end.reason }] : []))
    expect(failed).toMatchObject([{ reason: { code: '40001' } }])
    await tries[failed[0]!.nth]!()
    const states = [await room.load(db, 'a'), await room.load(db, 'b')]
    expect(states.filter(({ state }) => state.isClosed)).toHaveLength(1)
  })
})

describe('execute', () => {
  test('decides again by the new state where another writer came first', async () => {
    await using rooms = await openRooms()
    const { db, room } = rooms
    const seen: number[] = []
    let interfere = true
    const { version, state } = await room.execute(db, key, (before) => {
      seen.push(before.texts.length)
      return { type: 'room.said', data: { author: 'ada', text: `after ${before.texts.length}` } }
    })
    expect({ version, state: state.texts }).toEqual({ version: 1, state: ['after 0'] })
    const crowd = Array.from({ length: 8 }, () =>
      room.execute(db, key, (before) => {
        if (interfere) interfere = false
        return { type: 'room.said', data: { author: 'ada', text: `after ${before.texts.length}` } }
      }),
    )
    const versions = (await Promise.all(crowd)).map((executed) => executed.version)
    expect(versions.sort()).toEqual([2, 3, 4, 5, 6, 7, 8, 9])
    expect((await room.load(db, key)).state.texts).toEqual(Array.from({ length: 9 }, (_, n) => `after ${n}`))
  })

  test('gives up after its attempts, and when its signal aborts', async () => {
    await using rooms = await openRooms()
    const { db, room, node } = rooms
    const rival = node().room
    let tries = 0
    /** Loses each time: another writer appends between its loading and its append. */
    const losing = node({
      evolve: {
        'room.opened': (state) => state,
        'room.said': (state) => state,
        'room.closed': (state) => state,
      },
    }).room
    const lose = async (options: { attempts?: number; signal?: AbortSignal }) => {
      const blocked = await rooms.pool.connect()
      try {
        await blocked.query('begin')
        const { version } = await rival.load(blocked, key)
        await rival.append(blocked, key, hi, { expectedVersion: version })
        const executing = losing.execute(
          db,
          key,
          () => {
            tries++
            return hi
          },
          options,
        )
        await eventually(async () => {
          const waiting = `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
          expect(await rooms.sql.query(waiting)).toHaveLength(1)
        })
        await blocked.query('commit')
        return await executing
      } finally {
        blocked.release()
      }
    }
    await expect(lose({ attempts: 1 })).rejects.toMatchObject({ code: 'VERSION_CONFLICT', expected: 0, actual: 1 })
    expect(tries).toBe(1)
    expect(await lose({ attempts: 2 })).toMatchObject({ version: 3 })
    expect(tries).toBe(3)
    await expect(room.execute(db, key, () => hi, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: 'AbortError',
    })
  })

  test('is tried once in a transaction, which can continue', async () => {
    await using rooms = await openRooms()
    const { db, room } = rooms
    let tries = 0
    await db.transaction().execute(async (trx) => {
      const conflict = await room
        .execute(trx, key, () => {
          tries++
          return hi
        })
        .catch((error: unknown) => error)
      expect(conflict).toMatchObject({ version: 1 })
      await expect(room.append(trx, key, hi, { expectedVersion: 0 })).rejects.toBeInstanceOf(VersionConflict)
      expect(await room.execute(trx, key, () => hi)).toMatchObject({ version: 2 })
    })
    expect(tries).toBe(1)
    expect(await rooms.outbox(key)).toHaveLength(2)
  })
})

describe('the SQL function append_to_aggregate', () => {
  const append = (expected: number) => [
    `select commitcast.append_to_aggregate('room', '${key}', ${expected}, '[
       {"type": "room.said", "data": {"author": "sql", "text": "one"}},
       {"type": "room.said", "data": {"author": "sql", "text": "two"}, "headers": {"actor": "cron"}}]')::int as version`,
  ]

  test('appends as the application does, in the same order and with the same conflicts', async () => {
    await using rooms = await openRooms()
    const { db, room } = rooms
    await room.execute(db, key, open)
    expect(await rooms.sql.query(append(1)[0]!)).toEqual([{ version: 3 }])
    await expect(rooms.sql.query(append(1)[0]!)).rejects.toMatchObject({
      code: 'OB019',
      message: 'The aggregate room with key r1 is at version 3, and version 1 was expected.',
    })
    expect(await room.load(db, key)).toMatchObject({ version: 3, state: { texts: ['one', 'two'] } })
    const stored = (await rooms.stream(key)).map(({ id, type }) => ({ id, type }))
    expect(await rooms.outbox(key)).toEqual(stored)
  })

  test('refuses what the outbox refuses, and names that can not be used', async () => {
    await using rooms = await openRooms()
    const ask = (...values: unknown[]) =>
      rooms.sql.query('select commitcast.append_to_aggregate($1, $2, $3::bigint, $4::text::json)', values)
    const one = '[{"type": "room.said", "data": {}}]'
    await expect(ask('a room', key, 0, one)).rejects.toThrow(/aggregate 'a room' can not be used/)
    await expect(ask('room', key, -1, one)).rejects.toThrow(/expected version/)
    await expect(ask('room', key, null, one)).rejects.toThrow(/expected version/)
    await expect(ask('room', '', 0, one)).rejects.toThrow(/1 to 500 characters/)
    await expect(ask('room', key, 0, '[{"type": "commitcast.refused"}]')).rejects.toThrow(/reserved/)
    expect(await rooms.stream(key)).toEqual([])
  })
})
