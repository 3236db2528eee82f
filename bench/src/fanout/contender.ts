import type { Size } from './sample-live.ts'

/** What clients speak with a contender. */
export type Wire = 'trpc' | 'plain' | 'socketio' | 'sse'

/** Somebody who tells every event to every client. */
export interface Contender {
  readonly wire: Wire
  /** Starts to serve events of this size, on a free port of this machine. */
  serve(size: Size): Promise<Serving>
}

interface Serving {
  readonly port: number
  /** How many clients would hear of an event now. */
  readonly followers: number
  /** Tells the event with this number to all of them; does not wait until they have it. */
  publish(n: number): Promise<void> | void
}
