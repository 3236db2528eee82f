import type { Envelope } from '@commitcast/events'
import { type TrackedEnvelope, tracked } from '@trpc/server'
import { envelopeOf } from '../../hub/live-entry.ts'
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

export function createIteratorOutput({ signal, connection, tag }: IteratorOutputOptions): IteratorOutput {
  const items: Item[] = []
  let failure: { readonly error: unknown } | undefined
  let onRoom: (() => void) | undefined
  let waiting: PromiseWithResolvers<Item | undefined> | undefined
  let stopWaiting: (() => void) | undefined

  const canHandOver = () => {
    if (failure) return true
    if (items.length === 0) return false
    if (!connection || connection.hasRoom()) return true
    stopWaiting ??= connection.whenRoom(roomCame)
    return false
  }
  const roomCame = () => {
    stopWaiting = undefined
    handOver()
  }
  /** Gives the pulling side what there is. */
  const handOver = () => {
    if (!waiting || !(signal.aborted || canHandOver())) return
    const { resolve, reject } = waiting
    waiting = undefined
    const item = signal.aborted ? undefined : items.shift()
    if (signal.aborted || item) resolve(item)
    else reject(failure?.error)
  }
  const push = (cursor: string, envelope: Envelope<unknown, unknown>) => {
    if (failure) return
    items.push(tracked(tag === undefined ? cursor : withTag(cursor, tag), envelope))
    handOver()
  }
  const stop = () => {
    stopWaiting?.()
    handOver()
  }
  signal.addEventListener('abort', stop, { once: true })

  return {
    hasRoom: () => !signal.aborted && !failure && items.length < maxItems,
    whenRoom(listener) {
      onRoom = listener
      return () => {
        onRoom = undefined
      }
    },
    send: push,
    sendEvent: (cursor, entry) => push(cursor, envelopeOf(entry)),
    together: (act) => act(),
    fail(error) {
      failure ??= { error }
      items.length = 0
      handOver()
    },
    next() {
      waiting = Promise.withResolvers()
      const { promise } = waiting
      handOver()
      if (items.length === 0) {
        const listener = onRoom
        onRoom = undefined
        listener?.()
      }
      return promise
    },
  }
}
