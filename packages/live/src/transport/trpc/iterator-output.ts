import type { Envelope } from '@commitcast/events'
import { type TrackedEnvelope, tracked } from '@trpc/server'
import { envelopeOf, type LiveEntry } from '../../hub/live-entry.ts'
import type { Output } from '../../hub/output.ts'
import type { Connection } from '../websocket/connection.ts'
import { withTag } from './carried-input.ts'

type Item = TrackedEnvelope<Envelope<unknown, unknown>>

/** An output that a consumer pulls: tRPC for SSE and where frames can't be written, or a caller in this process. */
export interface IteratorOutput extends Output {
  /** The next item; `undefined` at once when the signal aborts. Rejects with what `fail` was given. */
  next(): Promise<Item | undefined>
  /** Ends it with an error; what was not pulled is dropped. */
  fail(error: unknown): void
}

export interface IteratorOutputOptions {
  /** The subscription's. */
  readonly signal: AbortSignal
  /** Where it is known that the items go to a WebSocket: `next` waits for room there, too. */
  readonly connection?: Connection | undefined
  /** What has to stand at the end of each cursor. */
  readonly tag?: string | undefined
}

/** How many items are made ahead of the pulling. */
const maxItems = 16

export function createIteratorOutput(options: IteratorOutputOptions): IteratorOutput {
  return new PulledOutput(options)
}

class PulledOutput implements IteratorOutput {
  readonly #options: IteratorOutputOptions
  readonly #items: Item[] = []
  #failure: { readonly error: unknown } | undefined
  #onRoom: (() => void) | undefined
  #waiting: PromiseWithResolvers<Item | undefined> | undefined
  #stopWaiting: (() => void) | undefined

  constructor(options: IteratorOutputOptions) {
    this.#options = options
    const stop = () => {
      this.#stopWaiting?.()
      this.#handOver()
    }
    options.signal.addEventListener('abort', stop, { once: true })
  }

  hasRoom(): boolean {
    return !this.#options.signal.aborted && !this.#failure && this.#items.length < maxItems
  }

  whenRoom(listener: () => void): () => void {
    this.#onRoom = listener
    return () => {
      this.#onRoom = undefined
    }
  }

  send(cursor: string, envelope: Envelope<unknown, unknown>): void {
    if (this.#failure) return
    const { tag } = this.#options
    this.#items.push(tracked(tag === undefined ? cursor : withTag(cursor, tag), envelope))
    this.#handOver()
  }

  sendEvent(cursor: string, entry: LiveEntry): void {
    this.send(cursor, envelopeOf(entry))
  }

  together<T>(act: () => T): T {
    return act()
  }

  fail(error: unknown): void {
    this.#failure ??= { error }
    this.#items.length = 0
    this.#handOver()
  }

  next(): Promise<Item | undefined> {
    this.#waiting = Promise.withResolvers()
    const { promise } = this.#waiting
    this.#handOver()
    if (this.#items.length === 0) {
      const listener = this.#onRoom
      this.#onRoom = undefined
      listener?.()
    }
    return promise
  }

  /** Gives the pulling side what there is. */
  #handOver(): void {
    const { aborted } = this.#options.signal
    if (!this.#waiting || !(aborted || this.#canHandOver())) return
    const { resolve, reject } = this.#waiting
    this.#waiting = undefined
    const item = aborted ? undefined : this.#items.shift()
    if (aborted || item) resolve(item)
    else reject(this.#failure?.error)
  }

  #canHandOver(): boolean {
    if (this.#failure) return true
    if (this.#items.length === 0) return false
    const { connection } = this.#options
    if (!connection || connection.hasRoom()) return true
    this.#stopWaiting ??= connection.whenRoom(() => this.#roomCame())
    return false
  }

  #roomCame(): void {
    this.#stopWaiting = undefined
    this.#handOver()
  }
}
