import type { ResyncReason } from '@commitcast/events'
import type { Followed } from '../hub/attached.ts'
import { despiteOutages, type OutageWait } from '../hub/despite-outages.ts'
import { type Follower, MustResync } from '../hub/follower.ts'
import type { Hub } from '../hub/hub.ts'
import type { Output } from '../hub/output.ts'
import type { RingEntry } from '../hub/ring.ts'

export interface TailOptions extends OutageWait {
  readonly hub: Hub
  readonly follower: Follower
  readonly channels: readonly string[]
  readonly output: Output
}

/** How often a quiet client gets a newer cursor, so that its old one does not age out of the log. */
const checkpointMs = 20_000
/** How many events one client gets before the others have their turn. */
const turn = 64

/**
 * Sends what comes, as far as the output has room: once the client has what is kept `live`, and a `checkpoint` now and then. Resolves
 * with why it can't continue, or with `undefined` when the signal aborts. The hub runs its steps: nothing of it waits but for
 * the log.
 */
export function tail(options: TailOptions): Promise<ResyncReason | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<ResyncReason | undefined>()
  const { hub, channels, signal } = options
  const task = new TailTask(options, (error) => {
    end()
    if (error instanceof MustResync) resolve(error.reason)
    else reject(error)
  })
  const detach = hub.attach(channels, task)
  const checkpoints = setInterval(() => task.keepUp(), checkpointMs).unref()
  const end = () => {
    task.end()
    detach()
    clearInterval(checkpoints)
    signal.removeEventListener('abort', stop)
  }
  const stop = () => {
    end()
    resolve(undefined)
  }
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  else hub.soon(task)
  return promise
}

/** The steps of `tail`. A class, as each event touches it at every client (docs/decisions, 12). */
class TailTask implements Followed {
  isDue = false
  isBehind = true
  wokenBy: RingEntry | 'gap' | undefined
  /** What it waits for; asking for a step changes nothing meanwhile. */
  #waitsFor: 'room' | 'log' | 'nothing' | 'ever' = 'nothing'
  /** What is sent as soon as the client has everything. */
  #pending: 'live' | 'checkpoint' | 'nothing' = 'live'
  readonly #follower: Follower
  readonly #output: Output
  readonly #options: TailOptions
  readonly #onFailed: (error: unknown) => void
  #controlCursor = ''
  #stopWaiting = () => {}

  constructor(options: TailOptions, onFailed: (error: unknown) => void) {
    this.#follower = options.follower
    this.#output = options.output
    this.#options = options
    this.#onFailed = onFailed
  }

  step(): boolean {
    const { wokenBy } = this
    this.wokenBy = undefined
    const isWaiting = this.#waitsFor !== 'nothing'
    if (wokenBy === 'gap' || (wokenBy && isWaiting)) this.#follower.halt()
    if (isWaiting) return false
    try {
      if (wokenBy && wokenBy !== 'gap') this.#follower.passTo(wokenBy)
      const left = this.#follower.take(this.#output, turn)
      if (left !== 'more') this.isBehind = left === 'behind'
      if (left === 'end' && this.#pending === 'nothing') return false
      if (!this.#output.hasRoom()) return this.#waitForRoom()
      if (left === 'behind') return this.#load()
      if (left === 'more') return true
      this.#sendControl()
    } catch (error) {
      this.#onFailed(error)
    }
    return false
  }

  keepUp(): void {
    if (this.#pending === 'nothing') this.#pending = 'checkpoint'
    if (this.wokenBy === undefined) this.#follower.passOver()
    if (this.isDue) return
    // It can wait for what is new, and thousands may owe one.
    this.isBehind = true
    this.#options.hub.soon(this)
  }

  end(): void {
    this.#waitsFor = 'ever'
    this.#stopWaiting()
    this.#follower.letGo()
  }

  #sendControl(): void {
    const cursor = this.#follower.cursor()
    if (this.#pending === 'live') this.#output.send(cursor, { kind: 'live' })
    else if (cursor !== this.#controlCursor && cursor !== this.#follower.sentCursor) {
      this.#output.send(cursor, { kind: 'checkpoint' })
    }
    this.#controlCursor = cursor
    this.#pending = 'nothing'
  }

  #waitForRoom(): false {
    this.#waitsFor = 'room'
    this.isBehind = true
    this.#follower.letGo()
    this.#stopWaiting = this.#output.whenRoom(() => this.#resume())
    return false
  }

  #load(): false {
    this.#waitsFor = 'log'
    despiteOutages(() => this.#follower.load(), this.#options).then(
      () => this.#resume(),
      (error) => this.#onFailed(error),
    )
    return false
  }

  #resume(): void {
    if (this.#waitsFor === 'ever') {
      this.#follower.letGo()
      return
    }
    this.#waitsFor = 'nothing'
    this.#options.hub.soon(this)
  }
}
