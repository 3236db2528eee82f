import type { Sql } from '@commitcast/worker'
import { isoTime } from '../iso-time.ts'
import { type ParkedEvent, parkedColumns } from './list-parked.ts'
import type { ParkedAction } from './parked-history.ts'

/** A parked event with its content, and what was done to it. */
export interface ParkedEventInFull extends ParkedEvent {
  readonly data: unknown
  /** The same as it was written, character by character: JSON may hold numbers that JavaScript rounds. */
  readonly dataText: string
  readonly headers: Readonly<Record<string, unknown>>
  /** Oldest first; the last 90 days of it. */
  readonly history: readonly {
    readonly at: string
    /** The database's user, or whom the command line named. */
    readonly actor: string
    readonly action: ParkedAction
    readonly reason: string
  }[]
}

/** Reads one parked event with its content; `undefined` where nothing is parked under this id. */
export async function showParked(
  sql: Sql,
  { schema, id }: { schema: string; id: string },
): Promise<ParkedEventInFull | undefined> {
  const [row] = await sql.query<Row>(
    `select ${parkedColumns}, event.data::text as "dataText", event.headers::text as headers, coalesce((
       select json_agg(json_build_object(
         'at', ${isoTime('at')}, 'actor', actor, 'action', action, 'reason', reason)
         order by number)
       from ${schema}.parked_history where parked_id = event.id), '[]')::text as history
     from ${schema}.parked as event where event.id = $1`,
    [id],
  )
  if (!row) return undefined
  const { dataText, headers, history, ...event } = row
  return { ...event, data: JSON.parse(dataText), dataText, headers: JSON.parse(headers), history: JSON.parse(history) }
}

interface Row extends ParkedEvent {
  readonly dataText: string
  readonly headers: string
  readonly history: string
}
