import { type Command, type CommandOf, causationOf, createCommitcast, defineEvents } from 'commitcast'
import { z } from 'zod'

const connectionString = process.env.DATABASE_URL ?? 'postgres://postgres:secret@127.0.0.1:5432/chat'

// #region events
const events = defineEvents({
  'room.opened': { data: z.object({ title: z.string() }) },
  'room.joined': { data: z.object({ user: z.string() }) },
  'room.said': { data: z.object({ user: z.string(), text: z.string() }) },
  'room.closed': { data: z.object({}) },
})
// #endregion events

export const cast = createCommitcast({ app: 'chat', events, connectionString })
const { db } = cast

// #region room
/** What commands need to know. The messages themselves are for a read model. */
interface Room {
  readonly title: string | undefined
  readonly isClosed: boolean
  readonly members: ReadonlySet<string>
}

export const room = cast.aggregate('room', {
  initial: (): Room => ({ title: undefined, isClosed: false, members: new Set() }),
  evolve: {
    'room.opened': (room, { data }) => ({ ...room, title: data.title }),
    'room.joined': (room, { data }) => ({ ...room, members: new Set(room.members).add(data.user) }),
    'room.said': (room) => room,
    'room.closed': (room) => ({ ...room, isClosed: true }),
  },
})
// #endregion room

// #region commands
type RoomCommand = CommandOf<typeof room>

export class RoomRefuses extends Error {
  override readonly name = 'RoomRefuses'
}

export const open =
  (title: string): RoomCommand =>
  (room) => {
    if (room.title !== undefined) throw new RoomRefuses('The room is open.')
    return { type: 'room.opened', data: { title } }
  }

export const join =
  (user: string): RoomCommand =>
  (room) => {
    if (room.title === undefined || room.isClosed) throw new RoomRefuses('The room is not open.')
    // Nothing happens, so nothing is written.
    if (room.members.has(user)) return []
    return { type: 'room.joined', data: { user } }
  }

export const say =
  (user: string, text: string): RoomCommand =>
  (room) => {
    if (room.isClosed || !room.members.has(user)) throw new RoomRefuses(`${user} may not speak here.`)
    return { type: 'room.said', data: { user, text } }
  }
// #endregion commands

// #region execute
/** Two statements: one reads the state, one appends and commits. */
export async function sayIn(roomId: string, { user, text }: { user: string; text: string }) {
  const { ids, version } = await room.execute(db, roomId, say(user, text))
  return { ids, version }
}
// #endregion execute

// #region once
/** Once per idempotency key, in one transaction with the answer; the event names the command that led to it. */
export function sayOnce(command: Command & { caller: string }, roomId: string, text: string) {
  return db.transaction().execute((trx) =>
    cast.once(trx, command, async () => {
      const headers = { ...causationOf(command), actor: command.caller }
      const { version } = await room.execute(trx, roomId, say(command.caller, text), { headers })
      return { version }
    }),
  )
}
// #endregion once

// #region expected
/** Closes the room that the moderator saw, and not one in which something has happened since. */
export function closeAsSeen(roomId: string, seenVersion: number) {
  return room.append(db, roomId, { type: 'room.closed', data: {} }, { expectedVersion: seenVersion })
}
// #endregion expected
