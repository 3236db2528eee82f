import type { Broker } from '@commitcast/broker'
import type { CommittedEvent } from '@commitcast/events'
import type { KeyReader } from '@commitcast/outbox'
import { checkWholeNumber, type Logger, type Sql } from '@commitcast/worker'

/**
 * What becomes of an event that fails. An outage is no failure: it is waited out.
 *
 * `park`: the event is tried again for `afterMs`, then set aside with its key: later events of its key queue behind it, and
 * the partition continues. Parked events are tried again before new ones, with pauses that grow from seconds to ten minutes.
 * After `retryForMs` an event waits for an operator. When `limit` are parked, the group parks no more: its partitions wait
 * until some of the parked events succeed, or are dropped.
 *
 * `stop`: the partition waits at the event and tries it until it works.
 */
export type FailurePolicy =
  | { readonly type: 'stop' }
  | {
      readonly type: 'park'
      /** For how long a failing event is tried before it is parked. Default 5,000; 0 parks it at its first failure. */
      readonly afterMs?: number
      /** For how long a parked event is tried again by itself. Default 86,400,000: a day; 0 leaves it to the operator. */
      readonly retryForMs?: number
      /** How many events may be parked, those that queue behind others included. Default 100. */
      readonly limit?: number
    }

/** How a consumer group goes about its work. */
export interface GroupOptions {
  /** Where a new group starts. Default `beginning`: the first event that is still kept. */
  readonly from?: 'beginning' | 'end'
  /**
   * The most events at a time. A batch is what is there: nothing waits for it to fill. Default 500 for a projection, 100 for a
   * handler.
   */
  readonly maxBatch?: number
  /** What becomes of an event that fails. Default `{ type: 'park' }`. */
  readonly onFailure?: FailurePolicy
}

/** A consumer group, its options checked. */
export interface Group {
  readonly name: string
  readonly from: 'beginning' | 'end'
  readonly maxBatch: number
  readonly onFailure: { readonly type: 'stop' } | ({ readonly type: 'park' } & Parking)
}

interface Parking {
  readonly afterMs: number
  readonly retryForMs: number
  readonly limit: number
}

/** Where a group's workers find what they need. */
export interface GroupPlace {
  readonly sql: Sql
  readonly broker: Broker
  /** The app's name: groups read `<app>-events`. */
  readonly app: string
  readonly schema: string
  readonly logger: Logger
  /** Brings an event of an older schema version up to date, and says with `undefined` that this process does not know its type. */
  readonly understand: (event: CommittedEvent) => CommittedEvent | undefined
  /** Reads the keys of personal fields. Without it they are read as erased. */
  readonly keyReader?: KeyReader
}

/** No policy allows more than this. */
const mostParked = 10_000

const ours = ['relay', 'live']

/** Checks a group's name and options, and fills in the defaults. Throws `RangeError` for what can't be used. */
export function toGroup(name: string, options: GroupOptions, defaults: { readonly maxBatch: number }): Group {
  if (!/^[A-Za-z0-9_-]{1,60}$/.test(name) || ours.includes(name)) {
    throw new RangeError(
      `The group name ${JSON.stringify(name)} can't be used: take 1 to 60 letters, digits, "-" and "_", and not ${ours.join(' or ')}.`,
    )
  }
  const { from = 'beginning', maxBatch = defaults.maxBatch, onFailure = { type: 'park' } } = options
  if (from !== 'beginning' && from !== 'end') {
    throw new RangeError(`${name}: "from" is ${JSON.stringify(from)}; it has to be "beginning" or "end".`)
  }
  return {
    name,
    from,
    maxBatch: checkWholeNumber(`${name}: maxBatch`, maxBatch, { most: 10_000 }),
    onFailure: checkPolicy(name, onFailure),
  }
}

const hourMs = 3_600_000
/** What waits behind a parked event is parked also where the policy has become `stop` since. */
const whenStopped: Parking = { afterMs: 5_000, retryForMs: 24 * hourMs, limit: mostParked }

/** How a group parks events and tries them again. */
export function parkingOf({ onFailure }: Group): Parking {
  return onFailure.type === 'park' ? onFailure : whenStopped
}

function checkPolicy(name: string, policy: FailurePolicy): Group['onFailure'] {
  if (policy.type === 'stop') return policy
  if (policy.type !== 'park') {
    throw new RangeError(`${name}: onFailure is ${JSON.stringify(policy)}; its type has to be "stop" or "park".`)
  }
  const { afterMs = 5_000, retryForMs = 24 * hourMs, limit = 100 } = policy
  return {
    type: 'park',
    afterMs: checkWholeNumber(`${name}: onFailure.afterMs`, afterMs, { least: 0, most: hourMs }),
    retryForMs: checkWholeNumber(`${name}: onFailure.retryForMs`, retryForMs, { least: 0, most: 90 * 24 * hourMs }),
    limit: checkWholeNumber(`${name}: onFailure.limit`, limit, { most: mostParked }),
  }
}
