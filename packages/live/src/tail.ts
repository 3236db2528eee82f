import type { ResyncReason } from '@commitcast/events'
import type { Logger } from '@commitcast/worker'
import { type Follower, MustResync } from './follower.ts'
import type { Hub } from './hub.ts'
import type { Output } from './output/output.ts'
import { patiently } from './patiently.ts'

export interface TailOptions {
  readonly hub: Hub
  readonly follower: Follower
  readonly channels: readonly string[]
  readonly output: Output
  readonly signal: AbortSignal
  readonly logger: Logger
}

/** How often a quiet client gets a newer cursor, so that its old one does not age out of the log. */
const checkpointMs = 20_000
/** How many events one client gets before the others have their turn. */
const turn = 64

/**
 * Sends what comes, as far as the output has room: once the past is told `live`, and a `checkpoint` now and then. Resolves
 * with why it can't go on, or with `undefined` when the signal aborts. The hub runs its steps: nothing of it waits but for
 * the log.
 */
export function tail({
  hub,
  follower,
  channels,
  output,
  signal,
  logger,
}: TailOptions): Promise<ResyncReason | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<ResyncReason | undefined>()
  let hasEnded = false
  let isLive = false
  let isLoading = false
  let isWaitingForRoom = false
  let stopWaiting = () => {}
  let isCheckpointDue = false
  let sentCursor = ''

  const step = (): boolean => {
    if (hasEnded || isLoading || isWaitingForRoom) return false
    try {
      if (!output.hasRoom) return waitForRoom()
      const left = follower.take(output, turn)
      if (left === 'behind') return load()
      if (left === 'more') return output.hasRoom || waitForRoom()
      sendControl()
    } catch (error) {
      fail(error)
    }
    return false
  }
  const sendControl = () => {
    if (isLive && !isCheckpointDue) return
    const { cursor } = follower
    if (!isLive) output.send(cursor, { kind: 'live' })
    else if (cursor !== sentCursor && cursor !== follower.sentCursor) output.send(cursor, { kind: 'checkpoint' })
    sentCursor = cursor
    isLive = true
    isCheckpointDue = false
  }
  const waitForRoom = () => {
    isWaitingForRoom = true
    stopWaiting = output.whenRoom(() => {
      isWaitingForRoom = false
      hub.soon(step)
    })
    return false
  }
  const load = () => {
    isLoading = true
    patiently(() => follower.load(), { signal, logger }).then(() => {
      isLoading = false
      hub.soon(step)
    }, fail)
    return false
  }

  const end = () => {
    hasEnded = true
    detach()
    stopWaiting()
    clearInterval(checkpoints)
    signal.removeEventListener('abort', stop)
  }
  const stop = () => {
    end()
    resolve(undefined)
  }
  const fail = (error: unknown) => {
    end()
    if (error instanceof MustResync) resolve(error.reason)
    else reject(error)
  }

  const detach = hub.attach(channels, { ring: () => hub.soon(step) })
  const checkpoints = setInterval(() => {
    isCheckpointDue = true
    hub.soon(step)
  }, checkpointMs).unref()
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  else hub.soon(step)
  return promise
}
