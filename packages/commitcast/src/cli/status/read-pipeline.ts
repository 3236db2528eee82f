import { sqlOf } from '@commitcast/outbox'
import { type GroupStatus, readGroups } from '@commitcast/stream'
import type { Sql } from '@commitcast/worker'
import type { Kysely } from 'kysely'

/** How far one partition is. Ages and times left are in milliseconds, by the database's clock. */
export interface PartitionStatus {
  readonly partition: number
  /** Events that have an offset: the newest one. */
  readonly given: number
  /** Committed events that have none yet, counted up to `maxWaiting`. */
  readonly waiting: number
  /** Whether there are more than were counted. */
  readonly waitingIsMore: boolean
  readonly oldestWaitingMs: number | null
  /** The relay's lease; null where no relay has ever held one, or it was released. */
  readonly lease: Lease | null
}

interface Lease {
  readonly owner: string
  readonly term: number
  /** Null where its owner has been away for so long that its row was deleted. */
  readonly expiresInMs: number | null
}

export interface Member {
  /** `relay`, or `live` for stream workers. */
  readonly group: string
  readonly owner: string
  readonly seenMs: number
  /** Said of relays: whether appenders have to wake it. */
  readonly asleep: boolean
}

/** What the database knows of the pipeline. */
export interface Pipeline {
  readonly partitions: readonly PartitionStatus[]
  readonly members: readonly Member[]
  /** How far the consumer groups are, by group and partition. */
  readonly groups: readonly GroupStatus[]
  /** Events that were taken out of the way, and wait for an operator. */
  readonly parked: number
  /** The outbox's days: how many tables, and until when there are some. */
  readonly segments: { readonly count: number; readonly until: string | null }
}

/** Waiting events of a partition are counted up to here. */
const maxWaiting = 10_000

/** Reads the pipeline in one short, read-only transaction that gives up after ten seconds. */
export async function readPipeline(db: Kysely<Record<string, never>>, schema: string): Promise<Pipeline> {
  const reading = db.transaction().setAccessMode('read only').setIsolationLevel('repeatable read')
  return reading.execute(async (trx) => {
    const sql = sqlOf(trx)
    await sql.query(`select set_config('statement_timeout', '10s', true), set_config('jit', 'off', true)`)
    return {
      partitions: await readPartitions(sql, schema),
      members: await sql.query<Member>(membersSql(schema)),
      groups: await readGroups(sql, schema),
      parked: (await sql.query<{ count: number }>(`select count(*)::float8 as count from ${schema}.parked`))[0]!.count,
      segments: (await sql.query<Pipeline['segments']>(segmentsSql(schema)))[0]!,
    }
  })
}

interface PartitionRow extends Omit<PartitionStatus, 'waitingIsMore' | 'lease'> {
  readonly owner: string | null
  readonly term: number
  readonly expiresInMs: number | null
}

async function readPartitions(sql: Sql, schema: string): Promise<readonly PartitionStatus[]> {
  const rows = await sql.query<PartitionRow>(partitionsSql(schema), [maxWaiting + 1])
  return rows.map(({ owner, term, expiresInMs, waiting, oldestWaitingMs, ...row }) => ({
    ...row,
    waiting: Math.min(waiting, maxWaiting),
    waitingIsMore: waiting > maxWaiting,
    oldestWaitingMs,
    lease: owner === null ? null : { owner, term, expiresInMs },
  }))
}

/**
 * By indexes alone, however long the outbox is. Whatever lies above the highest given position waits. Below it only events
 * of transactions that were running when the newest page's snapshots were taken can wait; they are looked up by their
 * ids, as the relay does (docs/architecture.md, "How a window is read").
 */
function partitionsSql(s: string): string {
  return `
    with place as (
      select topic.epoch, topic.restored_up_to, number::smallint as partition, page.*, greatest(page.floor, page.last_position, 0) as reached
      from ${s}.topic cross join generate_series(0, topic.partitions - 1) as number
      left join lateral (
        select first_offset + count - 1 as given, window_done, floor, last_position,
          from_snapshot, from_next, to_snapshot, to_next
        from ${s}.page where page.epoch = topic.epoch and page.partition = number::smallint
        order by first_offset desc limit 1
      ) as page on true
    )
    select place.partition::int, coalesce(place.given, 0)::float8 as given, waiting.count::int as waiting,
      (select ${ms('clock_timestamp() - occurred_at')} from ${s}.outbox
        where partition = place.partition and position = waiting.first) as "oldestWaitingMs",
      lease.owner, lease.term::float8, coalesce(member.ttl_ms, 3500) - ${ms('clock_timestamp() - member.seen_at')} as "expiresInMs"
    from place
    cross join lateral (
      select count(*), min(position) as first from (
        (select position from ${s}.outbox
          where partition = place.partition and position > place.reached order by position limit $1)
        union all
        (${latePositions(s)})
      ) as either
    ) as waiting
    left join ${s}.lease on lease.group_name = 'relay' and lease.partition = place.partition
      and lease.owner <> ''
    left join ${s}.member on member.group_name = 'relay' and member.owner = lease.owner
    order by place.partition`
}

/** Two bounds where the newest page did not end its window: then the rest of that window waits, too. */
function latePositions(s: string): string {
  const writerAfter = (bound: string) =>
    `(select tx from ${s}.outbox where tx ${bound} and tx < bound.next order by tx limit 1)`
  return `
          select distinct late.position
          from (values (place.to_snapshot, place.to_next, place.restored_up_to),
            (case when not place.window_done then place.from_snapshot end, place.from_next, place.last_position)
          ) as bound(snapshot, next, after)
          cross join lateral (
            select listed as tx from pg_snapshot_xip(bound.snapshot) as listed
            union all
            (with recursive writer as (
              select ${writerAfter('>= pg_snapshot_xmax(bound.snapshot)')} as tx
              union all
              select ${writerAfter('> writer.tx')} from writer where writer.tx is not null
            ) select tx from writer where tx is not null)
          ) as writer
          cross join lateral (
            select position from ${s}.outbox
            where tx = writer.tx and partition = place.partition and position > bound.after and position <= place.reached
            order by position limit $1
          ) as late
          order by position limit $1`
}

function membersSql(s: string): string {
  return `
    select group_name as "group", owner, ${ms('clock_timestamp() - seen_at')} as "seenMs",
      group_name = 'relay' and exists (select from ${s}.sleeping_relay where sleeping_relay.owner = member.owner) as asleep
    from ${s}.member order by group_name, owner`
}

function segmentsSql(s: string): string {
  return `
    select (select count(*)::int from pg_inherits where inhparent = '${s}.outbox'::regclass) as count,
      case when isfinite(segments_until) then to_char(segments_until at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') end as until
    from ${s}.topic`
}

function ms(interval: string): string {
  return `round(extract(epoch from ${interval}) * 1000)::float8`
}
