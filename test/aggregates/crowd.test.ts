import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { VersionConflict } from 'commitcast'
import { describe, expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { createRandom, roundsOf } from '../fixtures/random.ts'
import { openRooms } from './open-rooms.ts'
import { say } from './room.ts'

type Rooms = Awaited<ReturnType<typeof openRooms>>

describe('a crowd of writers over few aggregates', () => {
  test.each(roundsOf(3))(
    'leaves gapless versions and the same order in the outbox, with nothing lost or twice (round %i)',
    async () => {
      const random = createRandom()
      await using rooms = await openRooms({ snapshot: { every: random.int(1, 12) } })
      const keys = ['a', 'b', 'c']
      const acts = [executes, executesInTransaction, appends, rollsBack] as const
      const expected = new Map<string, string[]>(keys.map((key) => [key, []]))
      const tasks = Array.from({ length: 120 }, (_, nth) => ({
        key: random.pick(keys),
        text: `text ${nth}`,
        count: random.int(0, 3),
        act: random.pick(acts),
        level: random.pick(['read committed', 'repeatable read', 'serializable'] as const),
      }))
      const work = async () => {
        for (let task = tasks.pop(); task; task = tasks.pop()) {
          const isDone = await task.act(rooms, task)
          if (isDone) expected.get(task.key)!.push(...textsOf(task))
        }
      }
      await Promise.all(Array.from({ length: 8 }, work))
      for (const key of keys) await expectStream(rooms, key, expected.get(key)!, `SEED=${random.seed}`)
    },
  )

  test('loses nothing of what was answered where a writer is killed', async () => {
    await using rooms = await openRooms({ snapshot: { every: 4 } })
    const writer = fileURLToPath(new URL('./crowd-writer.ts', import.meta.url))
    const answered: string[] = []
    const victims = ['x', 'y'].map((name) => {
      const child = spawn(process.execPath, [writer, rooms.url, name], { stdio: ['ignore', 'pipe', 'inherit'] })
      let rest = ''
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        const lines = (rest + text).split('\n')
        rest = lines.pop()!
        answered.push(...lines)
      })
      return child
    })
    await eventually(() => expect(answered.length).toBeGreaterThan(60))
    const ended = victims.map((child) => once(child, 'close'))
    for (const child of victims) child.kill('SIGKILL')
    await Promise.all(ended)
    const gone = `select from pg_stat_activity where application_name = 'crowd-writer'`
    await eventually(async () => expect(await rooms.sql.query(gone)).toEqual([]))
    const texts = await textsIn(rooms, 'a')
    expect(new Set(texts).size).toBe(texts.length)
    // One of each writer may have been committed and not answered.
    expect(texts.length - answered.length).toBeLessThanOrEqual(2)
    expect(texts).toEqual(expect.arrayContaining(answered))
    await expectStream(rooms, 'a', texts, 'killed')
    await rooms.room.execute(rooms.db, 'a', say('goes on'))
    expect((await rooms.room.load(rooms.db, 'a')).version).toBe(texts.length + 1)
  })
})

interface Task {
  readonly key: string
  readonly text: string
  readonly count: number
  readonly level: 'read committed' | 'repeatable read' | 'serializable'
}

function textsOf({ text, count }: Task): string[] {
  return Array.from({ length: count }, (_, nth) => `${text}.${nth}`)
}

function eventsOf(task: Task) {
  return textsOf(task).map((text) => ({ type: 'room.said', data: { author: 'ada', text } }) as const)
}

async function executes({ db, room }: Rooms, task: Task): Promise<boolean> {
  const { ids } = await room.execute(db, task.key, () => eventsOf(task), { attempts: 1_000 })
  expect(ids).toHaveLength(task.count)
  return true
}

/** Again and again in transactions of its own, as an application does it. */
async function executesInTransaction({ db, room }: Rooms, task: Task): Promise<boolean> {
  for (;;) {
    const transaction = db.transaction().setIsolationLevel(task.level)
    const done = transaction.execute((trx) => room.execute(trx, task.key, () => eventsOf(task)))
    if (await done.then(() => true, refusedOnly)) return true
  }
}

/** Once: where another was first, its transaction commits without the events. */
async function appends({ db, room }: Rooms, task: Task): Promise<boolean> {
  const { version } = await room.load(db, task.key)
  return db
    .transaction()
    .setIsolationLevel(task.level)
    .execute((trx) =>
      room.append(trx, task.key, eventsOf(task), { expectedVersion: version }).then(
        () => true,
        (error: unknown) => {
          if (error instanceof VersionConflict) return false
          throw error
        },
      ),
    )
    .catch(refusedOnly)
}

async function rollsBack({ db, room }: Rooms, task: Task): Promise<boolean> {
  const failing = db.transaction().execute(async (trx) => {
    await room.execute(trx, task.key, () => eventsOf(task))
    throw new Error('changed my mind')
  })
  await expect(failing).rejects.toSatisfy(
    (error: Error) => error instanceof VersionConflict || error.message === 'changed my mind',
  )
  return false
}

/** `false` for what a writer that comes second may get. */
function refusedOnly(error: unknown): false {
  if (error instanceof VersionConflict || (error as { code?: unknown }).code === '40001') return false
  throw error
}

async function expectStream(rooms: Rooms, key: string, texts: readonly string[], note: string): Promise<void> {
  const stream = await rooms.stream(key)
  expect(
    stream.map(({ version }) => version),
    note,
  ).toEqual(texts.map((_, nth) => nth + 1))
  expect(await rooms.outbox(key), note).toEqual(stream.map(({ id, type }) => ({ id, type })))
  const stored = await textsIn(rooms, key)
  expect([...stored].sort(), note).toEqual([...texts].sort())
  const { state, version } = await rooms.room.load(rooms.db, key)
  expect(version, note).toBe(texts.length)
  expect(state.texts, note).toEqual(stored.slice(-10))
  expect(state.perAuthor.get('ada') ?? 0n, note).toBe(BigInt(texts.length))
}

async function textsIn({ sql }: Rooms, key: string): Promise<string[]> {
  const rows = await sql.query<{ text: string }>(
    `select data ->> 'text' as text from commitcast.aggregate_event where key = $1 order by version`,
    [key],
  )
  return rows.map(({ text }) => text)
}
