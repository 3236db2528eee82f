import type { Writable } from 'node:stream'
import type { GuardedSocket } from '../guards/guarded-socket.ts'
import type { Frames } from '../output/frames.ts'
import { payloadOf, type WsFrame } from '../output/ws-frame.ts'
import type { Openings } from './openings.ts'

/** One client's WebSocket, as its subscriptions share it. */
export interface Connection {
  readonly guarded: GuardedSocket
  /** What writes finished frames to it; none where another encoder than JSON is in use. */
  readonly framing: Framing | undefined
  /** Whether it takes more now: it is open, holds less than 1 MB, and its client was not told to move. */
  readonly hasRoom: boolean
  /** Calls `listener` once when there may be room again. The returned function takes it back. */
  whenRoom(listener: () => void): () => void
  /** Writes a finished frame; drops it where the socket is closing. */
  send(frame: WsFrame): void
  /** What `act` sends leaves in one go. */
  together(act: () => void): void
  /** From now on nothing is sent: the client was told to move to another node, which tells it the rest. */
  retire(): void
}

/** What the sockets of one handler share to write frames. */
export interface Framing {
  readonly openings: Openings
  readonly frames: Frames
}

export interface ConnectionOptions {
  readonly guarded: GuardedSocket
  readonly framing?: Framing | undefined
  /** Default 1 MB. */
  readonly maxBufferedBytes?: number
}

/** How often a socket is looked at that something else than frames has filled. */
const lookMs = 50

const isOpen = 1
const asText = { binary: false }

export function createConnection(options: ConnectionOptions): Connection {
  const { guarded, framing, maxBufferedBytes = 1_000_000 } = options
  const socket = guarded.socket
  let waiting = new Set<() => void>()
  let isRetired = false
  /** Whether something will look for room: the callback of a frame, or a timer. */
  let isArmed = false

  const stream = streamOf(socket)
  // Nothing is queued inside of a socket without extensions, so its stream takes whole frames between its own.
  const isDirect = socket.extensions === ''
  const write = (frame: WsFrame, onTaken?: () => void) => {
    if (socket.readyState !== isOpen) return
    if (stream && isDirect) stream.write(frame, onTaken)
    else socket.send(payloadOf(frame), asText, onTaken)
  }

  const isUsable = () => socket.readyState === isOpen && !isRetired && !guarded.isHandedOver
  const look = () => {
    isArmed = false
    const listeners = waiting
    waiting = new Set()
    // One that finds no room asks again, and stands behind the others then.
    for (const listener of listeners) listener()
  }
  const lookLater = () => {
    if (isArmed || !isUsable()) return
    isArmed = true
    setTimeout(look, lookMs).unref()
  }

  return {
    guarded,
    framing,
    get hasRoom() {
      return socket.bufferedAmount < maxBufferedBytes && isUsable()
    },
    whenRoom(listener) {
      waiting.add(listener)
      lookLater()
      return () => waiting.delete(listener)
    },
    send(frame) {
      if (isArmed || socket.bufferedAmount + frame.length < maxBufferedBytes) return write(frame)
      // The callback comes when the network has taken this frame, and so all before it.
      isArmed = true
      write(frame, look)
    },
    together(act) {
      stream?.cork()
      try {
        act()
      } finally {
        stream?.uncork()
      }
    },
    retire() {
      isRetired = true
    },
  }
}

/** `ws` holds its network stream here. Without it frames are written by its `send`, at about twice the cost. */
function streamOf(socket: object): Writable | undefined {
  return (socket as { _socket?: Writable })._socket
}
