import {
  type Health,
  type LastingTrouble,
  type Lease,
  type Logger,
  partitionsHealth,
  silence,
} from '@commitcast/worker'
import type { ScheduleState } from '../schedule/run-scheduler.ts'
import { type BrokerLog, createBrokerLog } from './broker-log.ts'
import type { PartitionRelay } from './partition-relay.ts'

/** What a relay knows of itself; outlives the trouble that it begins anew after. */
export interface RelayState {
  readonly partitions: Map<number, { readonly term: bigint; readonly relay: PartitionRelay }>
  readonly acknowledged: Map<number, number>
  readonly brokerLog: BrokerLog
  readonly schedule: ScheduleState
  /** The one that `acknowledged` speaks of. */
  epoch?: number
  held: readonly Lease[]
  /** Some partitions have no relay, and this one got none. */
  unserved: LastingTrouble | undefined
  /** Others hold all partitions. */
  isStandby: boolean
  trouble: LastingTrouble | undefined
  /** Since when an answer of the database is waited for. */
  askedAt?: number | undefined
}

export function createRelayState(logger: Logger): RelayState {
  return {
    partitions: new Map(),
    acknowledged: new Map(),
    brokerLog: createBrokerLog(logger),
    schedule: {},
    held: [],
    unserved: undefined,
    isStandby: false,
    trouble: { code: 'STARTING', message: 'starting', since: Date.now() },
  }
}

export function healthOf({ partitions, unserved, askedAt, trouble, schedule }: RelayState): Health {
  const health = partitionsHealth(
    unserved ?? trouble ?? silence(askedAt),
    new Map([...partitions].map(([partition, { relay }]) => [partition, relay.trouble])),
  )
  return Object.keys(schedule).length === 0 ? health : { ...health, schedule: { ...schedule } }
}
