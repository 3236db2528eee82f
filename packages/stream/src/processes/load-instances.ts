import { decodeNoted, NewerVersion } from '@commitcast/events'
import type { Sql } from '@commitcast/worker'
import type { Instance, InstanceWork } from './instance.ts'
import type { Machine } from './machine.ts'
import type { ProcessState } from './process.ts'

interface LoadedRow {
  readonly instance: string
  readonly incarnation: number | null
  readonly state: string
  readonly notes: string | null
  readonly version: number
  readonly timeouts: string
  readonly isFinished: boolean
  readonly taken: string
  readonly ignored: string
  readonly isBlocked: boolean
  readonly held: number
}

/** Locks instances until the transaction ends, also those that do not exist yet, and reads them. One statement. */
export async function loadInstances(
  sql: Sql,
  { schema, machine, ids }: { readonly schema: string; readonly machine: Machine; readonly ids: readonly string[] },
): Promise<Map<string, InstanceWork>> {
  if (ids.length === 0) return new Map()
  const rows = await sql.query<LoadedRow>(
    `select instance, incarnation, state, notes, version, timeouts, is_finished as "isFinished", taken, ignored,
       is_blocked as "isBlocked", held from ${schema}.load_process($1, $2::text[])`,
    [machine.name, ids],
  )
  return new Map(rows.map((row) => [row.instance, toWork(row, machine)]))
}

function toWork(row: LoadedRow, machine: Machine): InstanceWork {
  const loaded = row.incarnation === null ? undefined : toInstance({ ...row, incarnation: row.incarnation }, machine)
  const { instance: id, isBlocked, held } = row
  return { id, loaded, now: loaded, encoded: undefined, isBlocked, held, newTimeouts: new Map() }
}

function toInstance(row: LoadedRow & { readonly incarnation: number }, machine: Machine): Instance {
  const { incarnation, isFinished, notes } = row
  const stored = decodeNoted({ json: row.state, notes })
  return {
    incarnation,
    isFinished,
    state: upcast(stored, row, machine),
    timeouts: new Map(Object.entries(JSON.parse(row.timeouts) as Record<string, string>)),
    taken: Number(row.taken),
    ignored: Number(row.ignored),
  }
}

function upcast(stored: unknown, { instance, version }: LoadedRow, machine: Machine): ProcessState {
  const { name, version: known, upcast: steps } = machine
  if (version > known) {
    throw new NewerVersion(
      `The state of instance ${JSON.stringify(instance)} of "${name}" has version ${version}, and this process knows up to ${known}: deploy the newer release here, too.`,
      { id: instance, type: name, version, known },
    )
  }
  let state = stored
  for (let from = version; from < known; from++) state = steps[from]!(state as never)
  return state as ProcessState
}
