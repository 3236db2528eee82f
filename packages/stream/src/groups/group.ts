import type { Broker } from '@commitcast/broker'
import type { CommittedEvent } from '@commitcast/events'
import type { Logger, Sql } from '@commitcast/worker'

/**
 * What becomes of an event that can't be handled. `stop`: its partition stands still and tries again, until it works.
 * `park`: the event is taken out of the way, and later events of its key queue behind it; when `limit` (default 100) are
 * parked, the group's partitions stand still. An outage is no failure: it is waited out.
 */
export type FailurePolicy = { readonly type: 'stop' } | { readonly type: 'park'; readonly limit?: number }

/** How a consumer group goes about its work. */
export interface GroupOptions {
  /** Where a new group starts. Default `beginning`: the first event that is still kept. */
  readonly from?: 'beginning' | 'end'
  /** The most events at a time. A batch is what is there: nothing waits for it to fill. */
  readonly maxBatch?: number
  /** How often an event is tried before it counts as failed. Default 5, with backed-off waits between. */
  readonly attempts?: number
  /** Default `{ type: 'park' }`. */
  readonly onFailure?: FailurePolicy
}

/** A consumer group, its options checked. */
export interface Group {
  readonly name: string
  readonly from: 'beginning' | 'end'
  readonly maxBatch: number
  readonly attempts: number
  readonly onFailure: { readonly type: 'stop' } | { readonly type: 'park'; readonly limit: number }
}

/** Where a group's workers find what they need. */
export interface GroupPlace {
  readonly sql: Sql
  readonly broker: Broker
  /** The app's name: groups read `<app>-events`. */
  readonly app: string
  readonly schema: string
  readonly logger: Logger
  /** Brings an event of an older schema version up to date, and says with `undefined` that nobody here knows its type. */
  readonly understand: (event: CommittedEvent) => CommittedEvent | undefined
}

/** No policy allows more than this. */
export const mostParked = 10_000

const ours = ['relay', 'live']

/** Checks a group's name and options, and fills in the defaults. Throws `RangeError` for what can't be used. */
export function toGroup(name: string, options: GroupOptions, defaults: { readonly maxBatch: number }): Group {
  if (!/^[A-Za-z0-9_-]{1,60}$/.test(name) || ours.includes(name)) {
    throw new RangeError(
      `The group name ${JSON.stringify(name)} can't be used: take 1 to 60 letters, digits, "-" and "_", and not ${ours.join(' or ')}.`,
    )
  }
  const { from = 'beginning', maxBatch = defaults.maxBatch, attempts = 5, onFailure = { type: 'park' } } = options
  if (from !== 'beginning' && from !== 'end') {
    throw new RangeError(`${name}: "from" is ${JSON.stringify(from)}; it has to be "beginning" or "end".`)
  }
  return {
    name,
    from,
    maxBatch: whole(`${name}: maxBatch`, maxBatch, 10_000),
    attempts: whole(`${name}: attempts`, attempts, 1_000),
    onFailure: checkPolicy(name, onFailure),
  }
}

function checkPolicy(name: string, policy: FailurePolicy): Group['onFailure'] {
  if (policy.type === 'stop') return policy
  if (policy.type === 'park') {
    return { type: 'park', limit: whole(`${name}: onFailure.limit`, policy.limit ?? 100, mostParked) }
  }
  throw new RangeError(`${name}: onFailure is ${JSON.stringify(policy)}; its type has to be "stop" or "park".`)
}

/** Throws `RangeError` unless `value` is a whole number from 1 to `most`; `what` is what the caller calls it. */
export function whole(what: string, value: number, most: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= most) return value
  throw new RangeError(`${what} is ${value}; it has to be a whole number from 1 to ${most}.`)
}
