import type { EventCatalog, EventTypeOf } from '@commitcast/events'
import { checkTransaction, type TransactionNeed } from '../append.ts'
import { createToRows, type NewEvent, type NewEventOf, type ToRowsOptions } from '../append-sql.ts'
import { isName } from '../is-name.ts'
import { checkSchemaName, defaultSchema } from '../schema-name.ts'
import { sqlIn, type TransactionLike } from '../sql-of.ts'
import { InvalidSchedule } from './invalid-schedule.ts'

/** An event that is to be appended later. */
export interface ScheduledEventOf<TCatalog extends EventCatalog, TType extends EventTypeOf<TCatalog>> {
  /** What it is replaced and cancelled by: `remind/42`. 1 to 500 characters. */
  readonly name: string
  /** When it is due, by the database's clock. A time in the past counts as now. */
  readonly at: Date
  readonly event: NewEventOf<TCatalog, TType>
}

/**
 * Schedules an event inside the caller's transaction. If that commits, the relay appends the event once, after `at` by the
 * database's clock and within about a second of it, also after restarts and fail-overs (P11). Scheduling the same name again
 * replaces the event and its time. Events of the same time keep the order in which they were scheduled.
 *
 * The event is checked and encoded now, as `append` does it; `headers.time` is the moment of firing. Returns the id that the event
 * will have. A replacement has another id, unless you give one.
 *
 * Throws, before anything is sent, `InvalidSchedule` for a bad name or time, `InvalidEvent` as `append` does, and
 * `NotInTransaction` where there is no transaction.
 *
 * @example
 * await db.transaction().execute(async (trx) => {
 *   await trx.insertInto('orders').values(order).execute()
 *   await cast.schedule(trx, {
 *     name: `remind/${order.id}`,
 *     at: new Date(Date.now() + 24 * 3_600_000),
 *     event: { type: 'order.reminded', key: order.id, data: {} },
 *   })
 * })
 */
export type Schedule<TCatalog extends EventCatalog> = <TType extends EventTypeOf<TCatalog>>(
  transaction: TransactionLike,
  scheduled: ScheduledEventOf<TCatalog, TType>,
) => Promise<string>

export interface ScheduleOptions extends ToRowsOptions {
  /** Called once all is checked, before anything is sent. */
  readonly before?: (transaction: TransactionLike) => Promise<void>
}

/** Makes `schedule` for a catalogue and a schema. */
export function createSchedule<TCatalog extends EventCatalog>(
  catalog: TCatalog,
  { before, ...options }: ScheduleOptions = {},
): Schedule<TCatalog> {
  const toRows = createToRows(catalog, options)
  const schema = checkSchemaName(options.schema ?? defaultSchema)
  const text = `select ${schema}.schedule($1, to_timestamp($2::float8 / 1000), $3, $4, $5::text::json, $6::text::json, id => $7)`
  return async (transaction, { name, at, event }) => {
    checkTransaction(transaction, needOf('schedule'))
    const dueMs = timeOf(name, at)
    const [row] = await toRows(event as NewEvent<TCatalog>, sqlIn(transaction))
    const { id, type, key, data, headers } = row!
    await before?.(transaction)
    await sqlIn(transaction).query(text, [name, String(dueMs), type, key, data, headers, id])
    return id
  }
}

/**
 * Cancels a scheduled event inside the caller's transaction. Returns whether it was still there: then it never fires if this
 * transaction commits. `false` says that it has been appended, or that there was none of this name. A firing that is under way is
 * waited for.
 *
 * Throws, before anything is sent, `InvalidSchedule` for a bad name, and `NotInTransaction` where there is no transaction.
 */
export type Unschedule = (transaction: TransactionLike, name: string) => Promise<boolean>

/** Makes `unschedule` for a schema. */
export function createUnschedule({ schema: given = defaultSchema }: { readonly schema?: string } = {}): Unschedule {
  const schema = checkSchemaName(given)
  return async (transaction, name) => {
    checkTransaction(transaction, needOf('unschedule'))
    checkName(name)
    const [row] = await sqlIn(transaction).query<{ found: boolean }>(`select ${schema}.unschedule($1) as found`, [name])
    return row!.found
  }
}

function needOf(what: string): TransactionNeed {
  return {
    what,
    parts: 'state and scheduled events',
    otherwise: `With Drizzle, postgres.js or another library call the SQL function "${what}" in the transaction of that library.`,
  }
}

/** In milliseconds since 1970. Postgres does not know every Date of the distant past. */
function timeOf(name: string, at: unknown): number {
  checkName(name)
  if (at instanceof Date && !Number.isNaN(at.getTime())) return Math.max(0, at.getTime())
  const given = at instanceof Date ? 'an invalid Date' : JSON.stringify(at)?.slice(0, 80)
  throw new InvalidSchedule(
    `The time of the scheduled event ${JSON.stringify(name)} is ${given}: give a Date, like new Date(Date.now() + 60_000).`,
  )
}

function checkName(name: unknown): void {
  if (isName(name)) return
  throw new InvalidSchedule(
    `The name of a scheduled event is ${JSON.stringify(name)?.slice(0, 80)}: it has to be a text of 1 to 500 characters, like "remind/42".`,
  )
}
