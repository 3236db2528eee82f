import { despiteDeadlocks } from './despite-deadlocks.ts'
import { isGone, newOwner } from './owner.ts'
import { createRenewals, type RenewalRow, type Renewals } from './renewals.ts'
import type { Sql } from './sql.ts'

/** The right of this worker to one partition, as long as `term` stands in the lease table. */
export interface Lease {
  readonly partition: number
  readonly term: bigint
  /** The number of the group's newest offset there, when the lease was renewed. Missing of groups that store none. */
  readonly progress?: bigint
  /** Over this worker's fair share: to be given back when the work there has ended. */
  readonly isOver?: true
}

export interface LeaseOptions {
  readonly sql: Sql
  /** The schema that holds the lease and member tables. */
  readonly schema: string
  /** Which workers share: `relay`, or a consumer group's name. */
  readonly group: string
  /**
   * How long a worker's leases outlive its last renewal, by the database's clock. Default 3,500: renewed every `renewMs`, a
   * dead worker's partitions are taken over within 5 s.
   */
  readonly ttlMs?: number
  /** Who this worker is; default host, pid namespace, boot, pid, start time and a number. */
  readonly owner?: string
  /** Registers this worker's release of the group and returns its id; asked once, before the first lease. Default: none. */
  readonly release?: () => Promise<string>
  /** The process's own, which its groups share. Default: renews alone. */
  readonly renewals?: Renewals
}

interface RenewOptions {
  /** The partitions at which it is at work. */
  readonly busy?: readonly number[]
  /** Whether it takes none any more, and gives back all at which it is not at work. */
  readonly isLeaving?: boolean
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
   * Reports that this worker lives, renews what it has, takes what is free up to its fair share and gives back what is over
   * it and not in `busy`. Returns what it holds now. A partition that is not in there must not be written for any more.
   */
  renew(at?: RenewOptions): Promise<readonly Lease[]>
  /** Resolves when it is time for the next `renew`, or when `signal` aborts. */
  nextRenewal(signal: AbortSignal): Promise<void>
  /**
   * From the next `renew` on this worker holds no partitions while a member of one of these releases lives, and counts as
   * no one who shares.
   */
  yieldTo(releases: readonly string[]): void
  /** Gives everything back at once, so that another worker can continue without waiting. */
  release(): Promise<void>
}

/** The payload of the NOTIFY with which a worker gives leases back, so that others need not wait for their next renewal. */
export const leasesReleased = 'leases released'

/**
 * Shares a group's partitions among workers by rows in Postgres. Times are the database's; a term only grows. Owners in this
 * pid namespace whose process is gone count as expired, so a restarted worker never waits for its own old leases.
 */
export function createLeases(options: LeaseOptions): Leases {
  const { sql, schema, group, ttlMs = 3_500, owner = newOwner(), release } = options
  const { renewals = createRenewals(sql, schema) } = options
  const renewMs = ttlMs / 2.5
  let ownRelease: string | undefined
  let server = ''
  let yieldsTo: readonly string[] = []
  const ask = async (gone: readonly string[], { busy = [], isLeaving = false }: RenewOptions) => {
    const asked = { group, owner, ttlMs, gone, release: ownRelease, yieldsTo, busy, isLeaving }
    const renewal = await renewals.renew(asked)
    server = renewal.server
    return {
      leases: renewal.rows.flatMap(toLease),
      others: renewal.rows.flatMap(({ other }) => (other === null ? [] : [other])),
    }
  }
  return {
    owner,
    ttlMs,
    renewMs,
    get server() {
      return server
    },
    async renew(at = {}) {
      ownRelease ??= await release?.()
      const { leases, others } = await ask([], at)
      const gone = others.filter(isGone)
      return gone.length === 0 ? leases : (await ask(gone, at)).leases
    },
    nextRenewal: (signal) => renewals.beat(renewMs, signal),
    yieldTo(releases) {
      yieldsTo = releases
    },
    async release() {
      const statement = `
        with gone as (delete from ${schema}.member where group_name = $1 and owner = $2),
        freed as (update ${schema}.lease set owner = '', expires_at = '-infinity' where group_name = $1 and owner = $2)
        select pg_notify('${schema}', '${leasesReleased}')`
      await despiteDeadlocks(() => sql.query(statement, [group, owner]))
    },
  }
}

function toLease({ partition, term, progress, over }: RenewalRow): Lease[] {
  if (partition === null || term === null) return []
  const stored = progress === null ? {} : { progress: BigInt(progress) }
  return [{ partition, term: BigInt(term), ...stored, ...(over && { isOver: true }) }]
}
