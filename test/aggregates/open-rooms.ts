import { freshDatabase } from '../fixtures/fresh-database.ts'
import { createRoom, type RoomOptions } from './room.ts'

interface LogLine {
  readonly code: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** A database, a cast on it, and rooms; until the block ends. */
export async function openRooms(options: RoomOptions = {}) {
  const database = await freshDatabase()
  const lines: LogLine[] = []
  const casts: { close(): Promise<void> }[] = []
  const node = (own: RoomOptions = {}) => {
    const log = (fields: object) => void lines.push({ code: (fields as { code: string }).code, fields: { ...fields } })
    const logger = { debug() {}, info() {}, warn: log, error: log }
    const made = createRoom(database.db, { ...options, ...own }, logger)
    casts.push(made.cast)
    return made
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
