import type { Health, Lease, Logger } from '@commitcast/worker'
import { createOutageLog, type OutageLog } from './outage-log.ts'
import type { PartitionRelay } from './partition-relay.ts'

/** What a relay knows of itself; outlives the trouble that it begins anew after. */
export interface RelayState {
  readonly partitions: Map<number, { readonly term: bigint; readonly relay: PartitionRelay }>
  readonly acknowledged: Map<number, number>
  readonly outages: OutageLog
  /** The one that `acknowledged` speaks of. */
  epoch?: number
  held: readonly Lease[]
  trouble: string | undefined
  /** Since when an answer of the database is waited for. */
  askedAt?: number | undefined
}

export function createRelayState(logger: Logger): RelayState {
  return {
    partitions: new Map(),
    acknowledged: new Map(),
    outages: createOutageLog(logger),
    held: [],
    trouble: 'starting',
  }
}

/** A database that takes longer to answer is away, though its connections may stand. */
const silentAfterMs = 3_000

export function healthOf({ partitions, askedAt = Infinity, trouble: known }: RelayState): Health {
  const silentMs = Date.now() - askedAt
  const silence = `The database has not answered for ${Math.round(silentMs / 1_000)} s.`
  const trouble = known ?? (silentMs > silentAfterMs ? silence : undefined)
  const troubles = [...partitions].flatMap(([partition, { relay }]) =>
    relay.trouble ? [[partition, relay.trouble]] : [],
  )
  return {
    ready: trouble === undefined && troubles.length === 0,
    partitions: [...partitions.keys()],
    ...(trouble !== undefined && { trouble }),
    ...(troubles.length > 0 && { troubles: Object.fromEntries(troubles) }),
  }
}
