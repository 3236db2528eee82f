import { CommitcastError } from '@commitcast/events'
import { isOutage, type Sql, sleep } from '@commitcast/worker'
import { readReached, type Unreached } from './read-reached.ts'

export interface ReachedOptions {
  /** How long to wait. Default 10,000. */
  readonly timeoutMs?: number
  /** Ends the waiting; the promise rejects with its reason. */
  readonly signal?: AbortSignal
}

/** A group has not applied all of the events, and waiting for them has ended; `missing` has each of these and why. */
export class NotReached extends CommitcastError {
  override readonly name = 'NotReached'
  readonly code = 'NOT_REACHED'
  override readonly retryable = true
  /** The group's name. */
  readonly group: string
  /** The events that it has not applied; none where the database did not answer. */
  readonly missing: readonly Unreached[]

  constructor(group: string, missing: readonly Unreached[], { why, ...options }: ErrorOptions & { why: string }) {
    const listed = missing.slice(0, 10).map((event) => describe(event, group))
    const rest = missing.length > listed.length ? ` And ${missing.length - listed.length} more.` : ''
    super(`The group "${group}" has not applied all events: ${why}. ${listed.join(' ')}${rest}`.trim(), options)
    this.group = group
    this.missing = missing
  }
}

const firstMs = 5
const longestMs = 250

export interface AwaitReachedOptions extends ReachedOptions {
  readonly schema: string
  readonly group: string
  readonly ids: readonly string[]
}

/** Waits until a group has applied events. Throws `NotReached` after `timeoutMs`, and at once where one was dropped. */
export async function awaitReached(sql: Sql, options: AwaitReachedOptions): Promise<void> {
  const { group, ids, timeoutMs = 10_000, signal } = options
  check(options)
  if (ids.length === 0) return
  const ending = AbortSignal.any([AbortSignal.timeout(Math.ceil(timeoutMs)), ...(signal ? [signal] : [])])
  const ended = new Promise<'ended'>((resolve) => ending.addEventListener('abort', () => resolve('ended')))
  const look = readReached(sql, options)
  let missing: readonly Unreached[] = []
  let cause: unknown
  for (let waitMs = firstMs; !ending.aborted; waitMs = Math.min(longestMs, waitMs * 1.5)) {
    const seen = await Promise.race([look(), ended]).catch((error: unknown) => {
      if (!isOutage(error)) throw error
      cause = error
    })
    if (seen === 'ended') break
    if (seen) {
      cause = undefined
      missing = seen
      if (missing.length === 0) return
      if (missing.some(({ why }) => why === 'dropped')) {
        throw new NotReached(group, missing, { why: 'an operator dropped some' })
      }
    }
    await sleep(waitMs, ending)
  }
  signal?.throwIfAborted()
  const why = cause === undefined ? `it was awaited for ${timeoutMs} ms` : 'the database did not answer'
  throw new NotReached(group, missing, { why, ...(cause !== undefined && { cause }) })
}

function check({ group, ids, timeoutMs }: AwaitReachedOptions): void {
  if (typeof group !== 'string' || group === '') throw new TypeError('reached: give the name of a group.')
  const other = ids.find((id) => !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id))
  if (other !== undefined) {
    throw new TypeError(`reached: ${JSON.stringify(other)} is not the id of an event; give what append returned.`)
  }
  if (timeoutMs !== undefined && !(timeoutMs > 0 && timeoutMs <= 2_147_483_647)) {
    throw new RangeError(`reached: "timeoutMs" is ${timeoutMs}; give milliseconds from 1 to 2,147,483,647.`)
  }
}

function describe({ id, why, partition, offset, groupOffset }: Unreached, group: string): string {
  if (why === 'unassigned') return `${id} has no offset yet: is it committed, and does a relay run?`
  if (why === 'parked') return `${id} is parked.`
  if (why === 'dropped') return `${id} was parked and then dropped.`
  if (groupOffset === undefined)
    return `${id} has offset ${offset} in partition ${partition}, where "${group}" has never begun.`
  return `${id} has offset ${offset} in partition ${partition}; the group is at ${groupOffset}.`
}
