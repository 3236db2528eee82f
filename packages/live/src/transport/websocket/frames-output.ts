import type { Envelope } from '@commitcast/events'
import type { LiveEntry } from '../../hub/live-entry.ts'
import type { Output } from '../../hub/output.ts'
import type { Connection } from './connection.ts'
import type { Frames, RequestHead } from './frames.ts'

export interface FramesOutputOptions {
  readonly connection: Connection
  readonly frames: Frames
  readonly request: RequestHead
}

/** Writes finished frames to a WebSocket, beside tRPC's own: no promise and no serialising per client. */
export class FramesOutput implements Output {
  readonly #connection: Connection
  readonly #frames: Frames
  readonly #request: RequestHead

  constructor({ connection, frames, request }: FramesOutputOptions) {
    this.#connection = connection
    this.#frames = frames
    this.#request = request
  }

  hasRoom(): boolean {
    return this.#connection.hasRoom()
  }

  whenRoom(listener: () => void): () => void {
    return this.#connection.whenRoom(listener)
  }

  send(cursor: string, envelope: Envelope<unknown, unknown>): void {
    this.#connection.send(this.#frames.ofEnvelope(this.#request, cursor, envelope))
  }

  sendEvent(cursor: string, entry: LiveEntry): void {
    this.#connection.send(this.#frames.ofEvent(this.#request, cursor, entry))
  }

  together<T>(act: () => T): T {
    return this.#connection.together(act)
  }
}
