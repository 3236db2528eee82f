import { type AggregateOptions, createCommitcast, defineEvents, type Logger } from 'commitcast'
import { memoryBroker } from 'commitcast/testing'
import { z } from 'zod'
import { freshDatabase } from '../fixtures/fresh-database.ts'

const said = z.object({ author: z.string(), text: z.string() })
const events = defineEvents({
  'room.opened': { data: z.object({ at: z.date() }) },
  'room.said': { data: said },
  'room.closed': { data: z.object({}) },
  'order.placed': { data: z.object({}) },
})

/** Holds what JSON has no type for. */
export interface Room {
  readonly openedAt: Date | undefined
  readonly isClosed: boolean
  readonly texts: readonly string[]
  readonly perAuthor: ReadonlyMap<string, bigint>
}

class RoomClosed extends Error {
  readonly code = 'ROOM_CLOSED'
}

export const initial = (): Room => ({ openedAt: undefined, isClosed: false, texts: [], perAuthor: new Map() })

interface LogLine {
  readonly code: string
  readonly fields: Readonly<Record<string, unknown>>
}

type RoomOptions = Partial<AggregateOptions<typeof events, Room, 'room.opened' | 'room.said' | 'room.closed'>>

/** A database, a cast on it, and rooms; until the block ends. */
export async function openRooms(options: RoomOptions = {}) {
  const database = await freshDatabase()
  const lines: LogLine[] = []
  const casts: RoomCast[] = []
  const node = (own: RoomOptions = {}) => {
    const log = (fields: object) => void lines.push({ code: (fields as { code: string }).code, fields: { ...fields } })
    const logger = { debug() {}, info() {}, warn: log, error: log }
    const cast = createCast(database, logger)
    casts.push(cast)
    return { cast, room: roomOf(cast, { ...options, ...own }) }
  }
  const first = node()
  return {
    ...database,
    ...first,
    /** Another process, perhaps of another release. */
    node,
    lines,
    codes: () => lines.map(({ code }) => code),
    stream: (key: string) =>
      database.sql.query<{ version: number; id: string; type: string }>(
        `select version::float8 as version, id::text, type from commitcast.aggregate_event
         where aggregate = 'room' and key = $1 order by aggregate_event.version`,
        [key],
      ),
    outbox: (key: string) =>
      database.sql.query<{ id: string; type: string }>(
        'select id::text, type from commitcast.outbox where key = $1 order by position',
        [key],
      ),
    snapshots: () =>
      database.sql.query<{ key: string; version: number; reducer: number }>(
        'select key, version::float8 as version, reducer from commitcast.aggregate_snapshot order by key, reducer',
      ),
    async [Symbol.asyncDispose]() {
      for (const cast of casts) await cast.close()
      await database[Symbol.asyncDispose]()
    },
  }
}

type RoomCast = ReturnType<typeof createCast>

function createCast(database: Awaited<ReturnType<typeof freshDatabase>>, logger: Logger) {
  return createCommitcast({ app: 'chat', events, db: database.db, broker: memoryBroker(), logger })
}

function roomOf(cast: RoomCast, options: RoomOptions) {
  return cast.aggregate('room', {
    initial,
    evolve: {
      'room.opened': (room, { data }) => ({ ...room, openedAt: data.at }),
      'room.said': (room, { data }) => ({
        ...room,
        texts: [...room.texts.slice(-9), data.text],
        perAuthor: new Map(room.perAuthor).set(data.author, (room.perAuthor.get(data.author) ?? 0n) + 1n),
      }),
      'room.closed': (room) => ({ ...room, isClosed: true }),
    },
    ...options,
  })
}

export const open = (room: Room) =>
  room.openedAt ? undefined : ({ type: 'room.opened', data: { at: new Date(5) } } as const)

export const say =
  (text: string, author = 'ada') =>
  (room: Room) => {
    if (room.isClosed) throw new RoomClosed('The room is closed.')
    return { type: 'room.said', data: { author, text } } as const
  }
