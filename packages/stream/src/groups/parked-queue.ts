import { CommitcastError, type Message } from '@commitcast/events'
import { noteParked, type ParkedAction } from '@commitcast/outbox'
import type { Sql } from '@commitcast/worker'
import type { GroupPartition } from './group-offset.ts'
import {
  type MessageRow,
  messageColumnCasts,
  messageColumnNames,
  messageColumns,
  messageSelected,
  toMessage,
} from './stored-message.ts'
import type { WorkItem } from './work-item.ts'

/** An event to be parked, and why. `attempts` is 0 for one that only waits behind another of its key. */
export interface Parking {
  readonly item: WorkItem
  readonly attempts: number
  readonly reason: string
  /** What was thrown, for the log. */
  readonly error?: unknown
  /** Of a process: the instance whose later events wait behind it, in all partitions. Default: those of its key wait, in its own. */
  readonly instance?: string | undefined
  /** Default: the one that is worked on. */
  readonly partition?: number
}

/** A parked event's position in the queue of its key. */
export interface ParkedPlace {
  readonly id: string
  /** What waits behind it: its key, or an instance of a process. */
  readonly key: string
  /** Whether it is to be tried now: its pause is over, an operator asked for it, or it was never tried. */
  readonly isDue: boolean
}

/** As many are parked as the group's policy allows: the partition waits until some succeed or are dropped. */
export class TooManyParked extends CommitcastError {
  override readonly name = 'TooManyParked'
  readonly code = 'TOO_MANY_PARKED'
}

/** The parking of an event whose key has a parked one. */
export function toWaiting(item: WorkItem): Parking {
  return { item, attempts: 0, reason: 'It waits behind an earlier event of its key that is parked.' }
}

/** Parks events in the transaction of `sql`. Throws `TooManyParked` where the group would have more than `limit`. */
export async function park(
  sql: Sql,
  at: GroupPartition,
  parkings: readonly Parking[],
  { limit, retryForMs }: { readonly limit: number; readonly retryForMs: number },
): Promise<void> {
  if (parkings.length === 0) return
  const { schema, group } = at
  await sql.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`${schema}.parked.${group}`])
  const [row] = await sql.query<{ count: number }>(
    `select count(*)::int as count from ${schema}.parked where group_name = $1`,
    [group],
  )
  if (row!.count + parkings.length > limit) throw tooMany(at, parkings, limit)
  await sql.query(parkSql(schema), [group, retryForMs > 0 ? firstPauseMs : null, ...columnsOf(at, parkings)])
}

function tooMany({ group }: GroupPartition, parkings: readonly Parking[], limit: number): TooManyParked {
  const failed = parkings.find((parking) => parking.attempts > 0)
  return new TooManyParked(
    `The group "${group}" may have ${limit} parked events, and they are reached. They are tried again by themselves; see ` +
      `"commitcast parked list", and retry or drop some.${failed ? ` The next one: ${failed.reason}` : ''}`,
  )
}

function columnsOf(at: GroupPartition, parkings: readonly Parking[]): readonly (readonly unknown[])[] {
  const of = (pick: (parking: Parking) => unknown) => parkings.map(pick)
  return [
    ...messageColumns(parkings.map(({ item }) => item)),
    of(({ reason }) => reason),
    of(({ attempts }) => attempts),
    of(({ partition }) => partition ?? at.partition),
    of(({ instance }) => instance ?? null),
  ]
}

function parkSql(s: string): string {
  return `
    with event as (
      insert into ${s}.parked (group_name, ${messageColumnNames}, reason, attempts, partition, instance, failing_since, retry_at)
      select $1, ${messageColumnCasts}, reason, attempts, partition, instance, case when attempts > 0 then clock_timestamp() end,
        case when attempts > 0 then clock_timestamp() + make_interval(secs => $2::float8 / 1000) end
      from unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
        $11::text[], $12::text[], $13::int[], $14::int[], $15::text[])
        with ordinality as given(${messageColumnNames}, reason, attempts, partition, instance, nth)
      order by nth
      on conflict (group_name, epoch, partition, "offset") do nothing returning *
    ), old as (
      delete from ${s}.parked_history where at < clock_timestamp() - interval '90 days'
    ) ${noteParked(s, 'parked', { rows: 'event' })}`
}

/** Where the parked events of a partition stand, oldest first. */
export async function readQueue(sql: Sql, { schema, group, partition }: GroupPartition): Promise<ParkedPlace[]> {
  return sql.query<ParkedPlace>(
    `select id::text, coalesce(instance, key) as key, (retry or attempts = 0 or coalesce(retry_at <= clock_timestamp(), false))
       and not exists (
         select from ${schema}.parked as earlier
         where earlier.group_name = parked.group_name and earlier.instance = parked.instance and earlier.id < parked.id) as "isDue"
     from ${schema}.parked where group_name = $1 and partition = $2 order by parked.id`,
    [group, partition],
  )
}

/** Reads a parked event's message back; `undefined` where it is parked no more. */
export async function readParked(
  sql: Sql,
  schema: string,
  id: string,
): Promise<{ epoch: number; attempts: number; message: Message } | undefined> {
  const [row] = await sql.query<MessageRow & { readonly attempts: number }>(
    `select ${messageSelected}, attempts from ${schema}.parked where id = $1`,
    [id],
  )
  return row && { epoch: row.epoch, attempts: row.attempts, message: toMessage(row) }
}

/** Removes a parked event that is done, in the transaction of `sql`. Says whether it was still there. */
export async function unpark(sql: Sql, schema: string, id: string): Promise<boolean> {
  const rows = await sql.query(
    `with event as (delete from ${schema}.parked where id = $1 returning *),
     noted as (${noteParked(schema, 'done', { rows: 'event' })}) select from event`,
    [id],
  )
  return rows.length > 0
}

const firstPauseMs = 5_000
const longestPauseMs = 600_000

/**
 * Notes that another try of a parked event failed. The next pause is half of the time that it has failed for, from five
 * seconds to ten minutes; after `retryForMs` it waits for an operator. One that an operator asked for begins anew.
 */
export async function noteFailure(
  sql: Sql,
  { schema, id, reason, retryForMs }: { schema: string; id: string; reason: string; retryForMs: number },
): Promise<void> {
  const action: ParkedAction = 'failed again'
  await sql.query(
    `with old as (
       select id, retry, now, case when retry then now else coalesce(failing_since, now) end as since
       from ${schema}.parked, clock_timestamp() as now where id = $1 for update of parked
     ), event as (
       update ${schema}.parked set attempts = attempts + 1, retry = false, reason = $2, failing_since = old.since,
         retry_at = case when old.now < old.since + make_interval(secs => $3::float8 / 1000) then old.now +
           least(greatest((old.now - old.since) / 2, make_interval(secs => $4::float8 / 1000)), make_interval(secs => $5::float8 / 1000))
           * (0.75 + random() / 2) end
       from old where parked.id = old.id returning parked.*, old.retry as was_asked
     ), noted as (select * from event where was_asked or retry_at is null)
     ${noteParked(schema, action, { rows: 'noted' })}`,
    [id, reason, retryForMs, firstPauseMs, longestPauseMs],
  )
}

/** Where one succeeds, what the others of its partition failed by may be over, too: they are tried next. */
export async function retryOthers(sql: Sql, { schema, group, partition }: GroupPartition): Promise<void> {
  await sql.query(
    `update ${schema}.parked set retry_at = clock_timestamp()
     where group_name = $1 and partition = $2 and retry_at > clock_timestamp()`,
    [group, partition],
  )
}
