import type { Sql } from '@commitcast/worker'
import type { InstanceWork } from './instance.ts'
import type { Machine } from './machine.ts'
import { encodeState, type HistoryEntry } from './take-input.ts'

export interface SaveOptions {
  readonly schema: string
  readonly machine: Machine
  readonly works: readonly InstanceWork[]
  readonly history: readonly HistoryEntry[]
  readonly historyMs: number
}

/**
 * Writes the instances that have changed, and what they did. Each time, as much that is older than `historyMs` is deleted as
 * was written, twice: so the tables stay bounded without a sweep.
 */
export async function saveInstances(sql: Sql, options: SaveOptions): Promise<void> {
  const { schema: s, machine, history, historyMs } = options
  const rows = options.works.filter(({ now, loaded }) => now !== loaded).map((work) => toRow(work, machine))
  if (rows.length === 0 && history.length === 0) return
  await sql.query(
    `with saved as (
       insert into ${s}.process_instance as p
         (process, instance, incarnation, status, state, notes, version, timeouts, taken, ignored, finished_at)
       select $1, instance, incarnation, status, state::json, notes, $4, timeouts::json, taken, ignored,
         case when is_finished then clock_timestamp() end
       from json_to_recordset($2::text::json) as (instance text, incarnation int, status text, state text, notes text, timeouts text,
         taken bigint, ignored bigint, is_finished boolean)
       on conflict (process, instance) do update set incarnation = excluded.incarnation, status = excluded.status,
         state = excluded.state, notes = excluded.notes, version = excluded.version, timeouts = excluded.timeouts,
         taken = excluded.taken, ignored = excluded.ignored, changed_at = clock_timestamp(),
         started_at = case when p.incarnation = excluded.incarnation then p.started_at else clock_timestamp() end,
         finished_at = case when p.incarnation = excluded.incarnation then coalesce(p.finished_at, excluded.finished_at) else excluded.finished_at end
     ), noted as (
       insert into ${s}.process_history (process, instance, incarnation, input, event_id, outcome, from_status, to_status, outputs, timeouts)
       select $1, instance, incarnation, input, "eventId", outcome, "from", "to", outputs, timeouts
       from json_to_recordset($3::text::json) as (instance text, incarnation int, input text, "eventId" uuid, outcome text, "from" text,
         "to" text, outputs json, timeouts json)
     ), old_history as (
       delete from ${s}.process_history where process = $1 and number in (
         select number from ${s}.process_history where process = $1
           and number in (select number from ${s}.process_history where process = $1 order by number limit $5)
           and at < clock_timestamp() - make_interval(secs => $6::float8 / 1000) for update skip locked)
     )
     delete from ${s}.process_instance where process = $1 and instance in (
       select instance from ${s}.process_instance
       where process = $1 and finished_at < clock_timestamp() - make_interval(secs => $6::float8 / 1000)
         and instance <> all($7::text[]) order by finished_at limit $5 for update skip locked)`,
    [
      machine.name,
      JSON.stringify(rows),
      JSON.stringify(history),
      machine.version,
      2 * (rows.length + history.length),
      historyMs,
      rows.map(({ instance }) => instance),
    ],
  )
}

function toRow({ id, now, encoded }: InstanceWork, machine: Machine) {
  const { incarnation, state, timeouts, taken, ignored, isFinished } = now!
  const { json, notes } = encoded ?? encodeState(machine, state)
  return {
    ...{ instance: id, incarnation, status: state.status, state: json, notes, taken, ignored, is_finished: isFinished },
    timeouts: JSON.stringify(Object.fromEntries(timeouts)),
  }
}
