import { type Bell, sleep } from '@commitcast/worker'
import type { AssignResult } from './assigner.ts'
import { createRate } from './rate.ts'
import type { SleepingRelay } from './sleeping-relay.ts'

export interface RestOptions {
  readonly sleepingRelay: SleepingRelay
  readonly bell: Bell
  readonly signal: AbortSignal
  /** How often it looks while asleep. */
  readonly pollMs: number
  /** Whether it is notified of commits. Without that there is no sleep, and writers do not notify. */
  readonly listens: boolean
}

/**
 * From so many events a second on the relay stays awake and polls instead. Commits that notify go one after the other, each
 * with its own flush: 16 writers made a third as many of them here.
 */
const awakeFromPerSecond = 600
/** Below this it sleeps, and is woken by each commit: the fastest way to few events. */
const asleepBelowPerSecond = 300
/** How long it rests while awake: the busier the writers, the more events share a look and its pages. */
const awakeRestMs = (perSecond: number) => Math.min(10, Math.max(2, perSecond / 500))
/** Without LISTEN there is no sleep, only a longer breath after this long without an event. */
const idleAfterMs = 200
const idlePollMs = 100
/**
 * A look that takes longer than this passes over many events that are not committed yet, as it does each time until a later event
 * of their partition has an offset. The rest behind it is as long, up to a bound: half of the time it looks at most.
 */
const longLookMs = 10
const longestRestMs = 100

/** A relay's rest between two looks: called with what the last one found, it resolves when it is time for the next. */
export function createRest({
  sleepingRelay,
  bell,
  signal,
  pollMs,
  listens,
}: RestOptions): (result: AssignResult) => Promise<void> {
  const rate = createRate()
  let lastFound = Date.now()
  let isAsleep = false
  const next = async ({ found, mayBeMore }: AssignResult, lookMs: number) => {
    rate.add(found)
    if (found > 0) lastFound = Date.now()
    const breathMs = lookMs > longLookMs ? Math.min(longestRestMs, lookMs) : 0
    if (listens && isAsleep && rate.perSecond() >= awakeFromPerSecond) {
      isAsleep = false
      await sleepingRelay.wakeUp()
    } else if (listens && !isAsleep && rate.perSecond() < asleepBelowPerSecond) {
      isAsleep = true
      void ringForStragglers(await sleepingRelay.fallAsleep(), { sleepingRelay, bell, signal, pollMs }).catch(() => {})
    } else if (!mayBeMore && isAsleep) {
      // What was found is on its way; the next commit may come at once.
      if (found === 0 && breathMs > 0) await sleep(breathMs, signal)
      await bell.wait(pollMs, signal)
    } else if (!mayBeMore) {
      const isIdle = !listens && Date.now() - lastFound > idleAfterMs
      const restMs = isIdle ? Math.min(idlePollMs, pollMs) : awakeRestMs(rate.perSecond())
      await sleep(Math.max(restMs, breathMs), signal)
    }
  }
  let restedAt = performance.now()
  return async (result) => {
    await next(result, performance.now() - restedAt)
    restedAt = performance.now()
  }
}

/** A transaction that read "awake" before the relay slept commits without notifying: look again, less and less often, until it has ended. */
async function ringForStragglers(
  before: string,
  { sleepingRelay, bell, signal, pollMs }: Omit<RestOptions, 'listens'>,
): Promise<void> {
  let running = true
  for (let waitMs = 5; running && waitMs < pollMs && !signal.aborted; waitMs *= 2) {
    await sleep(waitMs, signal)
    running = await sleepingRelay.isRunningBefore(before)
    bell.ring()
  }
}
