import { checkChannels } from '@commitcast/events'
import { type OutageLog, withTimeout } from '@commitcast/worker'
import { TRPCError } from '@trpc/server'
import pLimit from 'p-limit'
import { despiteOutages } from '../hub/despite-outages.ts'
import { type Task, taskOf } from '../hub/run-queue.ts'
import { type AccessLoss, lossMessages } from './access-lost.ts'
import type { AccessCall, AccessRules, Allowed } from './authorize.ts'

/** Where a permission gets revocations from: the hub. */
export interface RevocationSource {
  attach(channels: readonly string[], task: Task): () => void
}

export interface PermissionOptions {
  /** One object for all subscriptions of a procedure. */
  readonly definition: AccessRules
  readonly call: AccessCall
  readonly hub: RevocationSource
  /** The subscription's. */
  readonly signal: AbortSignal
  /** Called at most once, and only after this resolved: the subscription must send nothing more. */
  readonly onLost: (loss: AccessLoss) => void
  /** Where it is logged, by procedure, that a running subscription ends because `authorize` fails. */
  readonly failures: OutageLog
  /** Where it is logged, for all subscriptions, that some wait for their authorization. */
  readonly outages: OutageLog
}

/** The permission of a running subscription. */
export interface Permission {
  /** The moment from which on the client may see events, by the first answer. Default: any. */
  readonly since: Date | undefined
  /** Takes revocations from this hub from now on (another epoch has another one), and asks again: one may have been missed. */
  moveTo(hub: RevocationSource): void
  /** Ends all asking. The signal does it, too. */
  release(): void
}

/** How many running subscriptions of a process are asked for at a time: a revocation may concern thousands of them. */
const maxAsking = 20
const answerMs = 5_000
const longestTimerMs = 2 ** 31 - 1
const turns = pLimit(maxAsking)

type Decide = Exclude<AccessRules['authorize'], 'everyone'>

/**
 * Asks whether a subscription may begin, and watches over it from then on. Throws TRPCError FORBIDDEN or UNAUTHORIZED
 * where it may not, and what `authorize` throws; an outage is waited out.
 */
export async function openPermission(options: PermissionOptions): Promise<Permission> {
  const { authorize } = options.definition
  if (authorize === 'everyone') return { since: undefined, moveTo() {}, release() {} }
  const permission = new WatchedPermission(options, authorize)
  await permission.open()
  return permission
}

class WatchedPermission implements Permission {
  since: Date | undefined
  readonly #options: PermissionOptions
  readonly #authorize: Decide
  readonly #channels: readonly string[]
  readonly #task = taskOf(() => void this.#review())
  #detach: () => void
  #timer: NodeJS.Timeout | undefined
  #isOpen = true
  #isAsking = true
  #mustAskAgain = false

  constructor(options: PermissionOptions, authorize: Decide) {
    const { definition, call, hub, signal } = options
    this.#options = options
    this.#authorize = authorize
    this.#channels = definition.revokedBy ? checkChannels(definition.revokedBy(call), 'revokedBy()') : []
    // Before the first question: a revocation that comes after the answer was made must not be missed.
    this.#detach = this.#attach(hub)
    signal.addEventListener('abort', this.release, { once: true })
  }

  /** Asks for the first time. */
  async open(): Promise<void> {
    try {
      const allowed = await despiteOutages(() => this.#ask(), this.#options)
      this.#isAsking = false
      if (allowed === undefined) return
      this.since = sinceOf(allowed)
      const until = endOf(allowed)
      refuseUnlessAllowed(until)
      this.#arm(until)
    } catch (error) {
      this.release()
      throw error
    }
  }

  moveTo(hub: RevocationSource): void {
    if (!this.#isOpen) return
    this.#detach()
    this.#detach = this.#attach(hub)
    void this.#review()
  }

  readonly release = (): void => {
    this.#isOpen = false
    clearTimeout(this.#timer)
    this.#detach()
    this.#options.signal.removeEventListener('abort', this.release)
  }

  #attach(hub: RevocationSource): () => void {
    return this.#channels.length > 0 ? hub.attach(this.#channels, this.#task) : () => {}
  }

  /** The latest answer: a change while a question is out has it asked once more. */
  async #ask(): Promise<Allowed> {
    let allowed: Allowed
    do {
      this.#mustAskAgain = false
      allowed = await this.#authorize(this.#options.call)
    } while (this.#mustAskAgain && endOf(allowed) > Date.now() && this.#isOpen)
    return allowed
  }

  #arm(until: number): void {
    if (until === Number.POSITIVE_INFINITY || !this.#isOpen) return
    const ms = Math.min(until - Date.now() + 1, longestTimerMs)
    this.#timer = setTimeout(() => void this.#review(), ms).unref()
  }

  async #review(): Promise<void> {
    this.#mustAskAgain = true
    if (this.#isAsking || !this.#isOpen) return
    this.#isAsking = true
    clearTimeout(this.#timer)
    const until = await this.#askAgain()
    this.#isAsking = false
    const loss = lossOf(until)
    if (!loss) return this.#arm(until)
    if (!this.#isOpen) return
    this.release()
    this.#options.onLost(loss)
  }

  /** No answer, or none in time, ends the permission like one that expired. */
  async #askAgain(): Promise<number> {
    const { failures, definition } = this.#options
    try {
      return await turns(async () => {
        if (!this.#isOpen) return 0
        return endOf(await withTimeout(() => this.#ask(), { ms: answerMs, what: 'The answer of `authorize`' }))
      })
    } catch (error) {
      failures.failed(error, definition)
      return 0
    }
  }
}

/** When a permission ends, in milliseconds since 1970; long ago for one that there is not. */
function endOf(allowed: Allowed): number {
  if (allowed === true) return Number.POSITIVE_INFINITY
  const until = allowed instanceof Date ? allowed : allowed ? allowed.until : undefined
  if (until !== undefined) return checkDate(until).getTime()
  return sinceOf(allowed) ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY
}

function sinceOf(allowed: Allowed): Date | undefined {
  const since = typeof allowed === 'boolean' || allowed instanceof Date ? undefined : allowed.since
  return since && checkDate(since)
}

function checkDate(moment: Date): Date {
  if (!Number.isNaN(moment.getTime())) return moment
  throw new TypeError('authorize gave an invalid Date: give the moments that the permission begins and ends at.')
}

function lossOf(until: number): AccessLoss | undefined {
  if (until > Date.now()) return undefined
  return until === Number.NEGATIVE_INFINITY ? 'revoked' : 'expired'
}

function refuseUnlessAllowed(until: number): void {
  const loss = lossOf(until)
  if (loss === 'revoked') throw new TRPCError({ code: 'FORBIDDEN', message: 'You may not follow this.' })
  if (loss === 'expired') throw new TRPCError({ code: 'UNAUTHORIZED', message: lossMessages.expired })
}
