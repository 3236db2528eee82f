import { memoryBroker } from '@commitcast/broker/memory'
import { type Allowed, createCommitcast, defineEvents } from 'commitcast'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'

const events = defineEvents({ 'note.written': { data: z.object({ n: z.number() }) } })
/** Of one who guesses: from the first offset of each partition on. */
const fromTheBeginning = '1.1.0-0'

test('a member who makes a cursor up sees nothing from before it joined, with a state and without', async () => {
  await using room = await openRoom()
  await room.write(4)
  const since = await room.now()
  for (const procedure of ['follow', 'query'] as const) {
    const client = room.listen(procedure, { lastEventId: fromTheBeginning, allowed: { since } })
    await eventually(() => expect(client.kinds).toContain('live'))
    expect(client.kinds[0]).toBe('resync')
    await room.write(1)
    await eventually(() => expect(client.notes).toEqual([room.written()]))
    await client.stop()
  }
})

test('a member who comes back continues where it was, without a resync', async () => {
  await using room = await openRoom()
  await room.write(3)
  const allowed = { since: await room.now(), until: new Date(Date.now() + 3_600_000) }
  const before = room.listen('follow', { allowed })
  await eventually(() => expect(before.kinds).toEqual(['live']))
  await room.write(1)
  await eventually(() => expect(before.notes).toEqual([4]))
  await before.stop()
  await room.write(3)
  const after = room.listen('follow', { lastEventId: before.cursor(), allowed })
  await eventually(() => expect(after.notes).toEqual([5, 6, 7]))
  expect(after.kinds).not.toContain('resync')
  await after.stop()
})

test('without "since" whoever may follow sees what is kept, from any cursor on', async () => {
  await using room = await openRoom()
  await room.write(4)
  const client = room.listen('follow', { lastEventId: fromTheBeginning, allowed: true })
  await eventually(() => expect(client.notes).toEqual([1, 2, 3, 4]))
  await client.stop()
})

test('a "since" that is no moment is refused', async () => {
  await using room = await openRoom()
  const client = room.listen('follow', { allowed: { since: new Date(Number.NaN) } })
  await expect(client.done).rejects.toThrow(/authorize gave an invalid Date/)
})

interface Listening {
  readonly lastEventId?: string | undefined
  readonly allowed: Allowed
}

async function openRoom() {
  const database = await freshDatabase({ partitions: 2 })
  const cast = createCommitcast({
    ...{ app: 'room', events, db: database.db, broker: memoryBroker(), listenTo: database.url },
  })
  const live = cast.live({ channels: () => ['room'] })
  const stopping = new AbortController()
  const running = cast.run({ roles: ['relay', 'stream'], use: [live], signal: stopping.signal })
  let written = 0
  return {
    written: () => written,
    /** By the database's clock; what was written before has its offset. */
    async now(): Promise<Date> {
      await eventually(async () => {
        const [row] = await database.sql.query<{ n: number }>(
          'select coalesce(sum(count), 0)::int as n from commitcast.page',
        )
        expect(row?.n).toBe(written)
      })
      const [row] = await database.sql.query<{ now: string }>(
        `select (clock_timestamp() + interval '1 ms')::text as now`,
      )
      return new Date(row!.now)
    },
    async write(count: number) {
      for (let left = count; left > 0; left--) {
        const data = { n: ++written }
        await database.db.transaction().execute((trx) => cast.append(trx, { type: 'note.written', key: 'k', data }))
      }
    },
    listen(procedure: 'follow' | 'query', { lastEventId, allowed }: Listening) {
      const ending = new AbortController()
      const options = { channels: () => ['room'], authorize: () => allowed }
      const resolver =
        procedure === 'follow'
          ? live.subscription(options)
          : live.subscription({ ...options, state: async () => 'the state' })
      const [kinds, notes]: [string[], number[]] = [[], []]
      let cursor: string | undefined
      const call = { ctx: {}, input: {}, signal: ending.signal, getRawInput: async () => ({ lastEventId }) }
      const done = (async () => {
        for await (const [id, envelope] of resolver(call)) {
          cursor = id
          kinds.push(envelope.kind)
          if (envelope.kind === 'event') notes.push(envelope.event.data.n)
        }
      })()
      return {
        kinds,
        notes,
        done,
        cursor: () => cursor,
        async stop() {
          ending.abort()
          await done
        },
      }
    },
    async [Symbol.asyncDispose]() {
      stopping.abort()
      await running
      await cast.close()
      await database[Symbol.asyncDispose]()
    },
  }
}
