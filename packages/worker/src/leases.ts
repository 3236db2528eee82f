import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import type { Sql } from './sql.ts'

/** The right of this worker to one partition, as long as `term` stands in the lease table. */
export interface Lease {
  readonly partition: number
  readonly term: bigint
  /** The number of the group's newest offset there, when the lease was renewed. Missing of groups that store none. */
  readonly progress?: bigint
}

export interface LeaseOptions {
  readonly sql: Sql
  /** The schema that holds the lease and member tables. */
  readonly schema: string
  /** Which workers share: `relay`, or a consumer group's name. */
  readonly group: string
  /**
   * How long a lease outlives its last renewal, by the database's clock. Default 3,500: renewed every `renewMs`, a dead
   * worker's partitions are taken over within 5 s.
   */
  readonly ttlMs?: number
  /** Who this worker is; default host, pid, start time and a number. */
  readonly owner?: string
  /** Registers this worker's release of the group and returns its id; asked once, before the first lease. Default: none. */
  readonly release?: () => Promise<string>
}

/** One worker's share of a group's partitions. */
export interface Leases {
  readonly owner: string
  readonly ttlMs: number
  /** How often to call `renew`: often enough for one call to fail. */
  readonly renewMs: number
  /** The database's server that answered the last renewal: a restart, a fail-over and an older copy change it. */
  readonly server: string
  /**
   * Says that this worker lives, renews what it has, takes what is free up to its fair share and gives back what is over
   * it. Returns what it holds now. A partition that is not in there must not be written for any more.
   */
  renew(): Promise<readonly Lease[]>
  /**
   * From the next `renew` on this worker holds no partitions while a member of one of these releases lives, and counts as
   * no one who shares.
   */
  yieldTo(releases: readonly string[]): void
  /** Gives everything back at once, so that another worker can go on without waiting. */
  release(): Promise<void>
}

/** What a NOTIFY of the schema says when somebody gave leases back, so that others need not wait for their next renewal. */
export const leasesReleased = 'leases released'

let workers = 0

/**
 * Shares a group's partitions among workers by rows in Postgres. Times are the database's; a term only grows. Owners on
 * this host (and in this container) whose process is gone count as expired, so a restarted worker never waits for its own old lease.
 */
export function createLeases(options: LeaseOptions): Leases {
  const { sql, schema, group, ttlMs = 3_500, owner = thisOwner(), release } = options
  const statement = renewStatement(schema)
  let ownRelease: string | undefined
  let server = ''
  let yieldsTo: readonly string[] = []
  const ask = async (dead: readonly string[]) => {
    const rows = await sql.query<RenewRow>(statement, [group, owner, ttlMs, dead, ownRelease ?? null, yieldsTo])
    server = rows[0]?.server ?? server
    return {
      leases: rows.flatMap(toLease),
      others: rows.flatMap(({ term, owner }) => (term === null && owner !== null ? [owner] : [])),
    }
  }
  let rowsExist = false
  return {
    owner,
    ttlMs,
    renewMs: ttlMs / 2.5,
    get server() {
      return server
    },
    async renew() {
      ownRelease ??= await release?.()
      if (!rowsExist) await sql.query(makeRows(schema), [group])
      rowsExist = true
      const { leases, others } = await ask([])
      const dead = others.filter(isDeadHere)
      const held = dead.length === 0 ? leases : (await ask(dead)).leases
      // Where none is held the rows may be gone: a crash may have lost the commit that made them.
      rowsExist = held.length > 0
      return held
    },
    yieldTo(releases) {
      yieldsTo = releases
    },
    async release() {
      await sql.query(
        `with gone as (delete from ${schema}.member where grp = $1 and owner = $2),
         freed as (update ${schema}.lease set owner = '', expires_at = '-infinity' where grp = $1 and owner = $2)
         select pg_notify('${schema}', '${leasesReleased}')`,
        [group, owner],
      )
    },
  }
}

/** One of the leases that are held now, or, without a term, another owner that is known; or, without an owner, the server. */
interface RenewRow {
  readonly partition: number
  readonly term: string | null
  readonly owner: string | null
  readonly server: string
  readonly progress: string | null
}

function toLease({ partition, term, progress }: RenewRow): Lease[] {
  if (term === null) return []
  return [{ partition, term: BigInt(term), ...(progress !== null && { progress: BigInt(progress) }) }]
}

function makeRows(schema: string): string {
  return `
    insert into ${schema}.lease (grp, partition)
    select $1, generate_series(0, partitions - 1) from ${schema}.topic on conflict do nothing`
}

/**
 * One statement: heartbeat, fair share = ceil(partitions / living members), give back the highest partitions over it,
 * renew the rest, take free ones up to it. A lease of ours that ran out and that no one took keeps its term: what waits to be
 * committed under it still can be. Free rows that somebody else is at are skipped till the next round; for our own
 * we wait, because work of ours that is just committing holds them.
 */
function renewStatement(schema: string): string {
  return `
    with yielding as (
      select exists (
        select from ${schema}.member
        where grp = $1 and release = any($6::bigint[]) and owner <> all($4)
          and seen_at > clock_timestamp() - make_interval(secs => $3 / 1000.0)
      ) as yields
    ), me as (
      insert into ${schema}.member (grp, owner, seen_at, release, is_yielding)
      select $1, $2, clock_timestamp(), $5::bigint, yields from yielding
      on conflict (grp, owner) do update
      set seen_at = excluded.seen_at, release = excluded.release, is_yielding = excluded.is_yielding
    ), buried as (
      delete from ${schema}.member
      where grp = $1 and (owner = any($4) or seen_at < clock_timestamp() - make_interval(secs => 10 * $3 / 1000.0))
    ), share as (
      select case when yields then 0 else ceil((select partitions from ${schema}.topic)::numeric / (1 + (
        select count(*) from ${schema}.member
        where grp = $1 and owner <> $2 and owner <> all($4) and not is_yielding
          and seen_at > clock_timestamp() - make_interval(secs => $3 / 1000.0)
      )))::int end as size from yielding
    ), mine as (
      select partition from ${schema}.lease
      where grp = $1 and owner = $2
      order by partition for update
    ), keep as (
      select partition from mine order by partition limit (select size from share)
    ), free as (
      select partition from ${schema}.lease
      where grp = $1 and owner <> $2 and (owner = any($4) or expires_at <= clock_timestamp())
      order by partition
      limit greatest(0, (select size from share) - (select count(*) from mine))
      for update skip locked
    ), taken as (
      update ${schema}.lease l set
        owner = case when l.partition in (select partition from keep union select partition from free) then $2 else '' end,
        term = case when l.partition in (select partition from free) then l.term + 1 else l.term end,
        expires_at = case when l.partition in (select partition from keep union select partition from free)
          then clock_timestamp() + make_interval(secs => $3 / 1000.0) else '-infinity' end
      where l.grp = $1 and l.partition in (select partition from mine union select partition from free)
      returning l.partition, l.term, l.owner
    ), here as materialized (
      select ${schema}.server_identity() as server
    )
    (select partition::int, term::text, owner, server, (
        select max(number) from ${schema}.group_offset as o where o.grp = $1 and o.partition = taken.partition
      )::text as progress from taken cross join here where owner = $2 order by partition)
    union all
    select -1, null, null, server, null from here
    union all
    select -1, null, owner, server, null from here cross join (
      select owner from ${schema}.lease where grp = $1 union select owner from ${schema}.member where grp = $1
    ) as known where owner <> '' and owner <> $2 and owner <> all($4)`
}

function thisOwner(): string {
  return `${thisHost()}/${process.pid}/${startTime(process.pid)}/${++workers}`
}

function isDeadHere(owner: string): boolean {
  const [host, pid, started] = owner.split('/')
  if (host !== thisHost() || !pid || !started) return false
  return startTime(Number(pid)) !== started
}

/** Containers may share a host's name; their pids mean something only within their own namespace. */
function thisHost(): string {
  try {
    return `${hostname()}:${readlinkSync('/proc/self/ns/pid').replace(/\D/g, '')}`
  } catch {
    return hostname()
  }
}

/** Tells a process from a later one with the same pid; where /proc is missing, whether it lives is all we know. */
function startTime(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? 'unknown'
  } catch {
    return isAlive(pid) ? 'alive' : 'gone'
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
