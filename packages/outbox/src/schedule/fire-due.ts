import type { Sql } from '@commitcast/worker'
import { fullPageBytes } from '../pages/assign-offsets.ts'

/** Where a look begins, in the order in which scheduled events fire. */
export interface DuePosition {
  /** A time, as Postgres writes it. */
  readonly at: string
  /** Exactly behind this one of that time. Without it the look begins a little earlier, for what committed late. */
  readonly number?: string
}

export const fromTheFirst: DuePosition = { at: '-infinity' }

export interface Fired {
  /** How many events were appended. */
  readonly fired: number
  /** Those that the outbox refused, and that are set aside. */
  readonly refused: readonly RefusedEvent[]
  /** Where the look ended. */
  readonly last: Required<DuePosition>
  /** How long after its time the oldest of them was appended; null where there was none. */
  readonly lateMs: number | null
  /** When the next one behind `last` is due, from now; negative where it is overdue; null where there is none. */
  readonly waitMs: number | null
}

interface RefusedEvent {
  readonly owner: string
  readonly name: string
  readonly type: string
  readonly reason: string
}

const maxEvents = 1_000

/** Appends the scheduled events that are due and behind `after`, the oldest first: 1,000 or 2 MB of them at most, in one transaction. */
export async function fireDue(sql: Sql, schema: string, after: DuePosition): Promise<Fired> {
  const [row] = await sql.query<FiredRow>(
    `select fired, refused::text as refused, last_at, last_number, late_ms, wait_ms
     from ${schema}.fire_due($1::text::timestamptz, $2::text::bigint, $3, $4)`,
    [after.at, after.number ?? null, maxEvents, fullPageBytes],
  )
  const { fired, refused, last_at, last_number, late_ms, wait_ms } = row!
  return {
    fired,
    refused: JSON.parse(refused ?? '[]'),
    last: { at: last_at, number: last_number },
    lateMs: late_ms,
    waitMs: wait_ms,
  }
}

interface FiredRow {
  readonly fired: number
  readonly refused: string | null
  readonly last_at: string
  readonly last_number: string
  readonly late_ms: number | null
  readonly wait_ms: number | null
}
