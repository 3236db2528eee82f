import type { Connection } from '../sockets/connection.ts'
import type { Frames, RequestHead } from './frames.ts'
import type { Output } from './output.ts'

export interface FramesOutputOptions {
  readonly connection: Connection
  readonly frames: Frames
  readonly request: RequestHead
}

/** Writes finished frames to a WebSocket, beside tRPC's own: no promise and no serialising per client. */
export function createFramesOutput({ connection, frames, request }: FramesOutputOptions): Output {
  return {
    get hasRoom() {
      return connection.hasRoom
    },
    whenRoom: (listener) => connection.whenRoom(listener),
    send: (cursor, envelope) => connection.send(frames.ofEnvelope(request, cursor, envelope)),
    sendEvent: (cursor, entry) => connection.send(frames.ofEvent(request, cursor, entry)),
    together: (act) => connection.together(act),
  }
}
