import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { freshDatabase } from '../fixtures/fresh-database.ts'

let database: Awaited<ReturnType<typeof freshDatabase>>
let guide: typeof import('../snippets/chat-room.ts')
beforeAll(async () => {
  database = await freshDatabase()
  vi.stubEnv('DATABASE_URL', database.url)
  guide = await import('../snippets/chat-room.ts')
})
afterAll(async () => {
  await guide.cast.close()
  await database[Symbol.asyncDispose]()
  vi.unstubAllEnvs()
})

test("the guide's chat room does what it says", async () => {
  const { cast, room, open, join, say, sayIn, sayOnce, closeAsSeen, RoomRefuses } = guide
  await room.execute(cast.db, 'r1', open('Emma'))
  await room.execute(cast.db, 'r1', join('ada'))
  expect(await room.execute(cast.db, 'r1', join('ada'))).toMatchObject({ version: 2, ids: [] })
  expect(await sayIn('r1', { user: 'ada', text: 'hi' })).toMatchObject({ version: 3, ids: [expect.any(String)] })
  await expect(sayIn('r1', { user: 'bob', text: 'ho' })).rejects.toBeInstanceOf(RoomRefuses)

  const command = { id: 'c1', key: 'k1', correlationId: 'click', caller: 'ada' }
  expect([await sayOnce(command, 'r1', 'once'), await sayOnce(command, 'r1', 'once')]).toEqual([
    { version: 4 },
    { version: 4 },
  ])
  await expect(closeAsSeen('r1', 3)).rejects.toMatchObject({ code: 'VERSION_CONFLICT', expected: 3, actual: 4 })
  expect(await closeAsSeen('r1', 4)).toMatchObject({ version: 5 })
  await expect(room.execute(cast.db, 'r1', say('ada', 'late'))).rejects.toBeInstanceOf(RoomRefuses)
  await database.pool.query(readFileSync(new URL('../snippets/append-to-aggregate.sql', import.meta.url), 'utf8'))
  expect(await room.load(cast.db, 'r1')).toMatchObject({ version: 6 })
  const rows = await database.sql.query<{ type: string }>(
    'select type, headers from commitcast.outbox order by position',
  )
  expect(rows.map(({ type }) => type)).toEqual([
    'room.opened',
    'room.joined',
    'room.said',
    'room.said',
    'room.closed',
    'room.closed',
  ])
  expect(rows[3]).toMatchObject({ headers: { causation: 'c1', correlation: 'click', actor: 'ada' } })
})
