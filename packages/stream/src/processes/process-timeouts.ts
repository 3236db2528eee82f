import { timeoutType } from '@commitcast/events'
import type { Sql } from '@commitcast/worker'
import type { InstanceWork } from './instance.ts'
import type { Machine } from './machine.ts'

/** The scheduled events of an instance belong to it. */
export function ownerOf(machine: Machine, instance: string): string {
  return `process/${machine.name}/${instance}`
}

/** A scheduled event of a process. */
export interface ScheduledInput {
  readonly owner: string
  readonly name: string
  /** Milliseconds from now, or a time in ISO 8601. */
  readonly afterMs?: number
  readonly at?: string
  readonly id: string
  readonly key: string
  readonly data: object
  readonly headers: object
}

/** Which time-outs of an instance have to be cancelled, and which set: the difference of what was loaded and what is now. */
export function timeoutChanges(machine: Machine, work: InstanceWork) {
  const owner = ownerOf(machine, work.id)
  const { loaded, now, newTimeouts } = work
  const [before, after] = [loaded?.timeouts ?? new Map<string, string>(), now?.timeouts ?? new Map<string, string>()]
  const cancelled = [...before.keys()].filter((name) => !after.has(name)).map((name) => ({ owner, name }))
  const set = [...after].flatMap(([name, id]): readonly ScheduledInput[] => {
    const timeout = newTimeouts.get(id)
    if (!timeout) return []
    const { time, headers } = timeout
    const at = 'at' in time ? { at: time.at.toISOString() } : { afterMs: time.afterMs }
    const data = { process: machine.name, instance: work.id, incarnation: now!.incarnation, timeout: name }
    return [{ owner, name, ...at, id, key: work.id, data, headers }]
  })
  return { cancelled, set }
}

/** Schedules, and replaces what has the same owner and name. The time of firing is added to the data as `dueAt`. */
export async function scheduleInputs(sql: Sql, schema: string, inputs: readonly ScheduledInput[]): Promise<void> {
  if (inputs.length === 0) return
  await sql.query(
    `select ${schema}.schedule(name, due, '${timeoutType}', key,
         (data::jsonb || jsonb_build_object('dueAt', to_char(due at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')))::json,
         headers, owner, id)
     from (
       select *, coalesce(at, clock_timestamp() + make_interval(secs => "afterMs" / 1000)) as due
       from json_to_recordset($1::text::json)
         as (owner text, name text, "afterMs" float8, at timestamptz, id uuid, key text, data json, headers json)
     ) as given`,
    [JSON.stringify(inputs)],
  )
}

/** Cancels what is still scheduled. Waits for a transaction that just fires one of them. */
export async function unscheduleInputs(
  sql: Sql,
  schema: string,
  inputs: readonly Pick<ScheduledInput, 'owner' | 'name'>[],
): Promise<void> {
  if (inputs.length === 0) return
  await sql.query(
    `select ${schema}.unschedule(name, owner) from json_to_recordset($1::text::json) as (owner text, name text)`,
    [JSON.stringify(inputs)],
  )
}
