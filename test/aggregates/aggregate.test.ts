import { randomUUID } from 'node:crypto'
import { CastMisused, causationOf, InvalidEvent, StreamUnreadable } from 'commitcast'
import { describe, expect, test } from 'vitest'
import { openRooms } from './open-rooms.ts'
import { initial, open, say } from './room.ts'

const key = 'r1'

describe('an aggregate', () => {
  test('is its events: a command decides by the state, and loading makes the same state again', async () => {
    await using rooms = await openRooms()
    const { db, room } = rooms
    expect(await room.load(db, key)).toMatchObject({ version: 0, state: { texts: [] } })
    await room.execute(db, key, open)
    const executed = await room.execute(db, key, () => [
      { type: 'room.said', data: { author: 'ada', text: 'hi' } },
      { type: 'room.said', data: { author: 'bob', text: 'ho' } },
    ])
    expect(executed).toMatchObject({ version: 3, ids: [expect.any(String), expect.any(String)] })
    expect(executed.state).toEqual({
      openedAt: new Date(5),
      isClosed: false,
      texts: ['hi', 'ho'],
      perAuthor: new Map([
        ['ada', 1n],
        ['bob', 1n],
      ]),
    })
    expect(await room.load(db, key)).toEqual({ state: executed.state, version: 3 })
    expect(await room.load(db, 'other')).toMatchObject({ version: 0 })
  })

  test('has the same events in its stream and in the outbox, under its key, with the headers of the command', async () => {
    await using rooms = await openRooms()
    const { db, room } = rooms
    const headers = causationOf({ id: 'command-1', correlationId: 'click-1' })
    const { ids } = await room.execute(db, key, open, { headers: { ...headers, actor: 'ada' } })
    const id = randomUUID()
    await room.execute(db, key, () => ({ ...say('hi')(initial()), id, headers: { actor: 'bob' } }), { headers })
    expect(await rooms.stream(key)).toEqual([
      { version: 1, id: ids[0], type: 'room.opened' },
      { version: 2, id, type: 'room.said' },
    ])
    const rows = (table: string, at: string) =>
      rooms.sql.query(
        `select id::text, type, key, data::text, headers, ${at}::text as at from commitcast.${table} order by ${at}`,
      )
    const inOutbox = await rows('outbox', 'occurred_at')
    expect(inOutbox).toEqual(await rows('aggregate_event', 'appended_at'))
    expect(inOutbox).toMatchObject([
      { key, headers: { causation: 'command-1', correlation: 'click-1', actor: 'ada' } },
      { key, headers: { causation: 'command-1', correlation: 'click-1', actor: 'bob' } },
    ])
  })

  test('hands its reducers the event with its version, key and headers', async () => {
    const seen: unknown[] = []
    await using rooms = await openRooms({
      evolve: {
        'room.opened': (state, event) => {
          seen.push(event)
          return state
        },
        'room.said': (state) => state,
        'room.closed': (state) => state,
      },
    })
    await rooms.room.execute(rooms.db, key, open, { headers: { actor: 'ada' } })
    await rooms.room.load(rooms.db, key)
    expect(seen).toHaveLength(2)
    expect(seen[0]).toMatchObject({
      type: 'room.opened',
      key,
      version: 1,
      data: { at: new Date(5) },
      headers: { actor: 'ada' },
    })
    expect(seen[1]).toEqual(seen[0])
  })

  test('writes nothing where a command decides nothing, or throws', async () => {
    await using rooms = await openRooms()
    const { db, room } = rooms
    expect(await room.execute(db, key, () => [])).toMatchObject({ version: 0, ids: [] })
    await room.execute(db, key, () => ({ type: 'room.closed', data: {} }))
    expect(await room.execute(db, key, () => undefined)).toMatchObject({ version: 1, ids: [] })
    await expect(room.execute(db, key, say('hi'))).rejects.toMatchObject({ code: 'ROOM_CLOSED' })
    expect(await rooms.outbox(key)).toHaveLength(1)
  })

  test('refuses a command that returns a promise, or what is no event', async () => {
    await using rooms = await openRooms()
    const { db, room } = rooms
    await expect(room.execute(db, key, (async () => []) as never)).rejects.toThrow(/returned a promise/)
    await expect(room.execute(db, key, (() => [undefined]) as never)).rejects.toThrow(TypeError)
    await expect(room.execute(db, key, (() => null) as never)).rejects.toThrow(/returned null/)
  })

  test('checks what is appended by the schema, and takes only its own types', async () => {
    await using rooms = await openRooms()
    const { db, room } = rooms
    const wrong = { type: 'room.said', data: { author: 1 } } as never
    await expect(room.execute(db, key, () => wrong)).rejects.toBeInstanceOf(InvalidEvent)
    const foreign = { type: 'order.placed', data: {} } as never
    await expect(room.execute(db, key, () => foreign)).rejects.toThrow(
      /"order.placed" is no event of the aggregate "room"/,
    )
    expect(await rooms.outbox(key)).toEqual([])
  })

  test('owns its types: cast.append refuses them', async () => {
    await using rooms = await openRooms()
    const { cast, db } = rooms
    const closed = { type: 'room.closed', key, data: {} } as const
    await expect(db.transaction().execute((trx) => cast.append(trx, closed))).rejects.toThrow(
      /"room.closed" belongs to the aggregate "room"/,
    )
    await expect(cast.appendSql([closed])).rejects.toBeInstanceOf(InvalidEvent)
    await db.transaction().execute((trx) => cast.append(trx, { type: 'order.placed', key, data: {} }))
  })

  test('is defined once in a cast, under a name that can be used', async () => {
    await using rooms = await openRooms()
    const options = { initial: () => 0, evolve: { 'order.placed': (count: number) => count + 1 } }
    expect(() => rooms.cast.aggregate('room', options)).toThrow(CastMisused)
    expect(() => rooms.cast.aggregate('a room', options)).toThrow(RangeError)
    expect(() => rooms.cast.aggregate('counter', { ...options, version: 0 })).toThrow(RangeError)
    expect(() => rooms.cast.aggregate('counter', { ...options, evolve: { 'order.lost': () => 0 } as never })).toThrow(
      InvalidEvent,
    )
  })

  test('takes part in the transaction that it is given: it commits, or rolls back, with what is beside it', async () => {
    await using rooms = await openRooms()
    const { db, room } = rooms
    await rooms.sql.query('create table beside (n int)')
    const client = await rooms.pool.connect()
    for (const end of ['rollback', 'commit']) {
      await client.query('begin')
      await client.query('insert into beside values (1)')
      await room.execute(client, key, say('hi'))
      expect(await room.load(client, key)).toMatchObject({ version: 1, state: { texts: ['hi'] } })
      await client.query(end)
      expect(await room.load(db, key)).toMatchObject({ version: end === 'commit' ? 1 : 0 })
    }
    client.release()
    expect(await rooms.sql.query('select n from beside')).toHaveLength(1)
  })

  test('is appended to outside of a transaction, too, but not on a pg client that began none', async () => {
    await using rooms = await openRooms()
    const { db, room } = rooms
    const opened = { type: 'room.opened', data: { at: new Date() } } as const
    expect(await room.append(db, key, opened, { expectedVersion: 0 })).toMatchObject({ version: 1 })
    expect(await room.append(db, key, opened, { expectedVersion: 1 })).toMatchObject({ version: 2 })
    await expect(room.append(db, key, opened, { expectedVersion: 1 })).rejects.toMatchObject({ actual: 2 })
    const client = await rooms.pool.connect()
    const outside = { code: 'NOT_IN_TRANSACTION' }
    await expect(room.append(client, key, opened, { expectedVersion: 2 })).rejects.toMatchObject(outside)
    await expect(room.execute(client, key, open)).rejects.toMatchObject(outside)
    expect(await room.load(client, key)).toMatchObject({ version: 2 })
    client.release()
  })

  test('is changed once by a command with an idempotency key, in the same transaction', async () => {
    await using rooms = await openRooms()
    const { cast, db, room } = rooms
    const ask = () =>
      db
        .transaction()
        .execute((trx) =>
          cast.once(trx, { caller: 'ada', key: 'k' }, async () => (await room.execute(trx, key, say('hi'))).version),
        )
    expect([await ask(), await ask()]).toEqual([1, 1])
    expect(await rooms.outbox(key)).toHaveLength(1)
  })

  test('passes over no event that it can not read', async () => {
    await using rooms = await openRooms()
    const { db, room } = rooms
    await room.execute(db, key, open)
    await rooms.sql.query(`select commitcast.append_to_aggregate('room', $1, 1, $2::text::json)`, [
      key,
      JSON.stringify([{ type: 'room.renamed', data: {} }]),
    ])
    const failed = await room.load(db, key).catch((error: unknown) => error)
    expect(failed).toBeInstanceOf(StreamUnreadable)
    expect(failed).toMatchObject({
      code: 'STREAM_UNREADABLE',
      aggregate: 'room',
      key,
      version: 2,
      type: 'room.renamed',
    })
    await expect(room.execute(db, key, say('hi'))).rejects.toBeInstanceOf(StreamUnreadable)
  })

  test('names the reducer that throws, and its event', async () => {
    await using rooms = await openRooms()
    await rooms.room.execute(rooms.db, key, open)
    const { room } = rooms.node({
      evolve: {
        'room.opened': () => {
          throw new Error('no such field')
        },
        'room.said': (state) => state,
        'room.closed': (state) => state,
      },
    })
    await expect(room.load(rooms.db, key)).rejects.toMatchObject({
      code: 'EVOLVE_FAILED',
      message: expect.stringMatching(/"room.opened" .*version 1.*no such field/),
    })
  })

  test('is read in bounded pieces, however long it is', async () => {
    await using rooms = await openRooms({ snapshot: { every: 1_000_000 } })
    const many = Array.from(
      { length: 2_500 },
      (_, n) => ({ type: 'room.said', data: { author: 'ada', text: `${n}` } }) as const,
    )
    const large = Array.from(
      { length: 12 },
      () => ({ type: 'room.said', data: { author: 'bob', text: 'x'.repeat(700_000) } }) as const,
    )
    const { db, room } = rooms
    await room.execute(db, key, () => many)
    const { state, version } = await room.execute(db, key, () => large)
    expect(version).toBe(2_512)
    expect(await room.load(db, key)).toEqual({ state, version })
    expect(state.perAuthor).toEqual(
      new Map([
        ['ada', 2_500n],
        ['bob', 12n],
      ]),
    )
  })
})
