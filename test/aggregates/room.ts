import { type AggregateOptions, createCommitcast, defineEvents, type Logger } from 'commitcast'
import { memoryBroker } from 'commitcast/testing'
import type { Kysely } from 'kysely'
import { z } from 'zod'

const events = defineEvents({
  'room.opened': { data: z.object({ at: z.date() }) },
  'room.said': { data: z.object({ author: z.string(), text: z.string() }) },
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

export type RoomOptions = Partial<AggregateOptions<typeof events, Room, 'room.opened' | 'room.said' | 'room.closed'>>

/** Rooms on a database: a cast of their own, and the aggregate. */
export function createRoom(db: Kysely<Record<string, never>>, options: RoomOptions = {}, logger?: Logger) {
  const cast = createCommitcast({ app: 'chat', events, db, broker: memoryBroker(), ...(logger && { logger }) })
  const room = cast.aggregate('room', {
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
  return { cast, room }
}

export const open = (room: Room) =>
  room.openedAt ? undefined : ({ type: 'room.opened', data: { at: new Date(5) } } as const)

export const say =
  (text: string, author = 'ada') =>
  (room: Room) => {
    if (room.isClosed) throw new RoomClosed('The room is closed.')
    return { type: 'room.said', data: { author, text } } as const
  }
