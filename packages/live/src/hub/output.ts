import type { Envelope } from '@commitcast/events'
import type { LiveEntry } from './live-entry.ts'

/** Where a follower's events go: finished frames on a WebSocket, or an iterator. Nothing here waits. */
export interface Output {
  /** Whether it takes more now. One whose client has gone, or was asked to move to another node, never does. */
  hasRoom(): boolean
  /** Calls `listener` once when there may be room again; one listener at a time. The returned function takes it back. */
  whenRoom(listener: () => void): () => void
  send(cursor: string, envelope: Envelope<unknown, unknown>): void
  /** Sends an event. `cursor` is the follower's position with it. */
  sendEvent(cursor: string, entry: LiveEntry): void
  /** What `act` sends leaves together. Returns what it returns. */
  together<T>(act: () => T): T
}
