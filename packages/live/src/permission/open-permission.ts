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
  /** The moment from which on the client may see events. Default: any. */
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

/**
 * Asks whether a subscription may begin, and watches over it from then on. Throws TRPCError FORBIDDEN or UNAUTHORIZED
 * where it may not, and what `authorize` throws; an outage is waited out.
 */
export async function openPermission(options: PermissionOptions): Promise<Permission> {
  const { definition, call, signal, onLost, failures } = options
  const { authorize, revokedBy } = definition
  if (authorize === 'everyone') return { since: undefined, moveTo() {}, release() {} }
  const channels = revokedBy ? checkChannels(revokedBy(call), 'revokedBy()') : []
  let isOpen = true
  let isAsking = true
  let mustAskAgain = false
  let timer: NodeJS.Timeout | undefined
  let since: Date | undefined
  const task = taskOf(() => void review())
  const attach = (hub: RevocationSource) => (channels.length > 0 ? hub.attach(channels, task) : () => {})

  /** The latest answer: a change while a question is out has it asked once more. */
  const ask = async () => {
    let until: number
    do {
      mustAskAgain = false
      const allowed = await authorize(call)
      until = endOf(allowed)
      since = sinceOf(allowed)
    } while (mustAskAgain && until > Date.now() && isOpen)
    return until
  }
  const arm = (until: number) => {
    if (until === Number.POSITIVE_INFINITY || !isOpen) return
    timer = setTimeout(review, Math.min(until - Date.now() + 1, longestTimerMs)).unref()
  }
  const review = async () => {
    mustAskAgain = true
    if (isAsking || !isOpen) return
    isAsking = true
    clearTimeout(timer)
    const until = await turns(() =>
      isOpen ? withTimeout(ask, { ms: answerMs, what: 'The answer of `authorize`' }) : 0,
    ).catch((error) => {
      failures.failed(error, definition)
      return 0
    })
    isAsking = false
    const loss = lossOf(until)
    if (!loss) return arm(until)
    if (!isOpen) return
    release()
    onLost(loss)
  }
  // Before the first question: a revocation that comes after the answer was made must not be missed.
  let detach = attach(options.hub)
  const release = () => {
    isOpen = false
    clearTimeout(timer)
    detach()
    signal.removeEventListener('abort', release)
  }
  signal.addEventListener('abort', release, { once: true })

  try {
    const until = await despiteOutages(ask, options)
    isAsking = false
    if (until !== undefined) {
      refuseUnlessAllowed(until)
      arm(until)
    }
  } catch (error) {
    release()
    throw error
  }
  return {
    since,
    moveTo(hub) {
      if (!isOpen) return
      detach()
      detach = attach(hub)
      void review()
    },
    release,
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
