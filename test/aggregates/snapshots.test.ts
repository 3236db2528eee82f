import { sqlOf } from '@commitcast/outbox'
import { describe, expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { openRooms } from './open-rooms.ts'
import { initial, open, say } from './room.ts'

const key = 'r1'

describe('a snapshot', () => {
  test('is stored every so many events, after the commit, and brings dates, maps and bigints back', async () => {
    await using rooms = await openRooms({ snapshot: { every: 5 } })
    const { db, room } = rooms
    await room.execute(db, key, open)
    for (let n = 2; n <= 4; n++) await room.execute(db, key, say(`${n}`))
    expect(await rooms.snapshots()).toEqual([])
    const { state } = await room.execute(db, key, say('5'))
    await eventually(async () => expect(await rooms.snapshots()).toEqual([{ key, version: 5, reducer: 1 }]))
    expect(await room.load(db, key)).toEqual({ state, version: 5 })
    expect(state).toMatchObject({ openedAt: new Date(5), perAuthor: new Map([['ada', 4n]]) })
  })

  test('spares the reading of an aggregate of 10,000 events: at most 100 are read', async () => {
    await using rooms = await openRooms()
    const { db, room } = rooms
    await fill(rooms, 10_000)
    const { state } = await room.load(db, key)
    await eventually(async () => expect(await rooms.snapshots()).toEqual([{ key, version: 10_000, reducer: 1 }]))
    for (let n = 1; n <= 99; n++) await room.execute(db, key, say(`more ${n}`))
    await db.transaction().execute(async (trx) => {
      const before = await rowsReadOn(trx)
      expect(await room.load(trx, key)).toMatchObject({ version: 10_099, state: { openedAt: state.openedAt } })
      // The last one that the snapshot shows, and those after it.
      expect((await rowsReadOn(trx)) - before).toBe(100)
    })
  })

  test('is stored where the first event after the last one is older than afterMs', async () => {
    await using rooms = await openRooms({ snapshot: { afterMs: 1 } })
    const { db, room } = rooms
    await room.execute(db, key, open)
    await eventually(async () => {
      await room.load(db, key)
      expect(await rooms.snapshots()).toEqual([{ key, version: 1, reducer: 1 }])
    })
  })

  test('of other reducers is ignored; that of the release before stays for its processes', async () => {
    await using rooms = await openRooms({ snapshot: { every: 2 } })
    const { db, node } = rooms
    const evolve = (word: string) => ({
      'room.opened': () => initial(),
      'room.said': () => ({ ...initial(), texts: [word] }),
      'room.closed': () => initial(),
    })
    const release = (version: number) => node({ version, evolve: evolve(`release ${version}`) }).room
    const releases = [release(1), release(2), release(3)]
    await releases[0]!.execute(db, key, open)
    for (const [nth, room] of releases.entries()) {
      await room.execute(db, key, say('x'))
      const kept = [nth, nth + 1].filter((reducer) => reducer > 0)
      await eventually(async () => expect((await rooms.snapshots()).map(({ reducer }) => reducer)).toEqual(kept))
      expect((await room.load(db, key)).state.texts).toEqual([`release ${nth + 1}`])
    }
  })

  test.each([
    ['has a state that its notes do not fit', `notes = '{"values":{"texts":["bigint"]},"v":1}'`],
    ['has notes that are no JSON', `notes = 'x'`],
    ['is ahead of the stream', 'version = 70'],
  ])('that %s is ignored, and replaced', async (_, damage) => {
    await using rooms = await openRooms({ snapshot: { every: 3 } })
    const { db, room } = rooms
    const { state } = await room.execute(db, key, () => [1, 2, 3].map((n) => say(`${n}`)(initial())))
    await eventually(async () => expect(await rooms.snapshots()).toEqual([{ key, version: 3, reducer: 1 }]))
    await rooms.sql.query(`update commitcast.aggregate_snapshot set ${damage}`)
    expect(await room.load(db, key)).toEqual({ state, version: 3 })
    if (damage !== 'version = 70') expect(rooms.codes()).toContain('AGGREGATE_SNAPSHOT_IGNORED')
    await eventually(async () => {
      const logged = rooms.lines.length
      expect(await room.load(db, key)).toEqual({ state, version: 3 })
      expect(await rooms.snapshots()).toEqual([{ key, version: 3, reducer: 1 }])
      expect(rooms.lines.length).toBe(logged)
    })
  })

  test('that can not be stored fails no command, and is logged', async () => {
    const keepsFunction = (state: ReturnType<typeof initial>) => ({ ...state, lost: () => 1 })
    await using rooms = await openRooms({
      snapshot: { every: 1 },
      evolve: { 'room.opened': keepsFunction, 'room.said': (state) => state, 'room.closed': (state) => state },
    })
    const { db, room, node } = rooms
    expect(await room.execute(db, key, open)).toMatchObject({ version: 1 })
    expect(rooms.lines).toMatchObject(
      [
        {
          code: 'AGGREGATE_SNAPSHOT_FAILED',
          fields: { aggregate: 'room', key, version: 1, reason: /lost is a function/ },
        },
      ].map((line) => ({ ...line, fields: { ...line.fields, reason: expect.stringMatching(line.fields.reason) } })),
    )
    await rooms.sql.query('alter table commitcast.aggregate_snapshot rename column state to stored')
    expect(await node({ snapshot: { every: 1 } }).room.execute(db, 'other', open)).toMatchObject({ version: 1 })
    await eventually(() => expect(rooms.codes().filter((code) => code === 'AGGREGATE_SNAPSHOT_FAILED')).toHaveLength(2))
  })

  test('shows no event of a transaction that rolled back', async () => {
    await using rooms = await openRooms({ snapshot: { every: 1 } })
    const { cast, db, room } = rooms
    const failing = db.transaction().execute(async (trx) => {
      await room.execute(trx, key, say('never'))
      await room.load(trx, key)
      throw new Error('changed my mind')
    })
    await expect(failing).rejects.toThrow('changed my mind')
    await cast.close()
    expect(await rooms.snapshots()).toEqual([])
    expect(await room.load(db, key)).toMatchObject({ version: 0 })
  })
})

type Rooms = Awaited<ReturnType<typeof openRooms>>

async function fill({ sql }: Rooms, count: number): Promise<void> {
  await sql.query(
    `select commitcast.append_to_aggregate('room', $1, 0, (
       select json_agg(json_build_object('type', 'room.said', 'data', json_build_object('author', 'ada', 'text', n::text)) order by n)
       from generate_series(1, $2::int) n))`,
    [key, count],
  )
}

/** How many rows of streams this connection has read so far. */
async function rowsReadOn(trx: Parameters<typeof sqlOf>[0]): Promise<number> {
  const [row] = await sqlOf(trx).query<{ read: number }>(
    `select (coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::float8 as read from pg_stat_xact_user_tables
     where schemaname = 'commitcast' and relname = 'aggregate_event'`,
  )
  return row!.read
}
