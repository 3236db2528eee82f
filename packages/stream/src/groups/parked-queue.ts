import type { Message } from '@commitcast/events'
import { noteParked, type ParkedAction } from '@commitcast/outbox'
import type { Sql } from '@commitcast/worker'
import { type Group, mostParked } from './group.ts'
import type { GroupPartition } from './group-offset.ts'
import type { WorkItem } from './work-item.ts'

/** An event to be parked, and why. `attempts` is 0 for one that only waits behind another of its key. */
export interface Parking {
  readonly item: WorkItem
  readonly attempts: number
  readonly reason: string
}

/** A parked event's place in the queue of its key. */
export interface ParkedPlace {
  readonly id: string
  readonly key: string
  readonly attempts: number
  readonly retry: boolean
}

/** As many are parked as the group's policy allows: the partition stands still until some are retried or dropped. */
export class TooManyParked extends Error {
  override readonly name = 'TooManyParked'
  readonly code = 'TOO_MANY_PARKED'
}

/** The parking of an event whose key has a parked one. */
export function toWaiting(item: WorkItem): Parking {
  return { item, attempts: 0, reason: 'It waits behind an earlier event of its key that is parked.' }
}

/** Parks events in the transaction of `sql`. Throws `TooManyParked` where the group would have more than `limit`. */
export async function park(sql: Sql, at: GroupPartition, parkings: readonly Parking[], limit: number): Promise<void> {
  if (parkings.length === 0) return
  const { schema, group } = at
  await sql.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`${schema}.parked.${group}`])
  const [row] = await sql.query<{ count: number }>(
    `select count(*)::int as count from ${schema}.parked where grp = $1`,
    [group],
  )
  if (row!.count + parkings.length > limit) throw tooMany(at, parkings, limit)
  await sql.query(parkSql(schema), [group, at.partition, JSON.stringify(parkings.map(toRow))])
}

/** What waits behind a parked event is parked also where the policy has become `stop` since. */
export function parkedLimit({ onFailure }: Group): number {
  return onFailure.type === 'park' ? onFailure.limit : mostParked
}

function tooMany({ group }: GroupPartition, parkings: readonly Parking[], limit: number): TooManyParked {
  const failed = parkings.find((parking) => parking.attempts > 0)
  return new TooManyParked(
    `The group "${group}" may have ${limit} parked events, and they are reached: see "commitcast parked list", then retry or drop some.` +
      (failed ? ` The next one: ${failed.reason}` : ''),
  )
}

function toRow({ item: { epoch, message }, attempts, reason }: Parking) {
  const { offset, id, type, key, time, tx, headers, body } = message
  return { epoch, offset, event_id: id, type, key, occurred_at: time, tx, headers, data: body, attempts, reason }
}

/** The data goes as a text, so that it stays what it is, byte for byte. */
function parkSql(s: string): string {
  return `
    with event as (
      insert into ${s}.parked
        (grp, partition, epoch, "offset", event_id, type, key, data, headers, occurred_at, tx, reason, attempts)
      select $1, $2, epoch, "offset", event_id, type, key, data::json, headers, occurred_at, tx::xid8, reason, attempts
      from json_to_recordset($3::text::json) as given(epoch int, "offset" bigint, event_id uuid, type text, key text,
        data text, headers json, occurred_at timestamptz, tx text, reason text, attempts int)
      on conflict (grp, epoch, partition, "offset") do nothing returning *
    ), old as (
      delete from ${s}.parked_history where at < clock_timestamp() - interval '90 days'
    ) ${noteParked(s, 'parked', { rows: 'event' })}`
}

/** Where the parked events of a partition stand, oldest first. */
export async function readQueue(sql: Sql, { schema, group, partition }: GroupPartition): Promise<ParkedPlace[]> {
  return sql.query<ParkedPlace>(
    `select id::text, key, attempts, retry from ${schema}.parked where grp = $1 and partition = $2 order by epoch, "offset"`,
    [group, partition],
  )
}

/** Reads a parked event's message back; `undefined` where it is parked no more. */
export async function readParked(
  sql: Sql,
  schema: string,
  id: string,
): Promise<{ epoch: number; attempts: number; message: Message } | undefined> {
  const [row] = await sql.query<ParkedRow>(
    `select epoch, attempts, "offset"::float8 as "offset", event_id::text as id, type, key, tx::text, headers, data::text as body,
       to_char(occurred_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as time
     from ${schema}.parked where id = $1`,
    [id],
  )
  if (!row) return undefined
  const { epoch, attempts, ...message } = row
  return { epoch, attempts, message }
}

interface ParkedRow extends Message {
  readonly epoch: number
  readonly attempts: number
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

/** Notes that another try of a parked event failed. */
export async function noteFailure(sql: Sql, schema: string, id: string, reason: string): Promise<void> {
  const action: ParkedAction = 'failed again'
  await sql.query(
    `with event as (
       update ${schema}.parked set attempts = attempts + 1, retry = false, reason = $2 where id = $1 returning *
     ) ${noteParked(schema, action, { rows: 'event' })}`,
    [id, reason],
  )
}
