import type { Writable } from 'node:stream'
import type { Frames } from './frames.ts'
import type { GuardedSocket } from './guarded-socket.ts'
import type { Openings } from './openings.ts'
import type { Socket } from './socket-server.ts'
import { payloadOf, type WsFrame } from './ws-frame.ts'

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

/**
 * One client's WebSocket, as its subscriptions share it. A class, as each event touches it at every client (docs/decisions,
 * 12).
 */
export class Connection {
  readonly guarded: GuardedSocket
  /** What writes finished frames to it; none where another encoder than JSON is in use. */
  readonly framing: Framing | undefined
  readonly #socket: Socket
  /** What takes whole frames. */
  readonly #stream: Writable | undefined
  #isRetired = false
  /** Whether something will look for room: the callback of a frame, or a timer. */
  #isArmed = false
  readonly #maxBufferedBytes: number
  #waiting: Set<() => void> | undefined

  constructor({ guarded, framing, maxBufferedBytes = 1_000_000 }: ConnectionOptions) {
    this.guarded = guarded
    this.framing = framing
    this.#socket = guarded.socket
    this.#stream = streamOf(guarded.socket)
    this.#maxBufferedBytes = maxBufferedBytes
  }

  /** Whether it takes more now: it is open, holds less than 1 MB, and its client was not asked to move. */
  hasRoom(): boolean {
    return this.#bufferedBytes() < this.#maxBufferedBytes && this.#isUsable()
  }

  /** Calls `listener` once when there may be room again. The returned function takes it back. */
  whenRoom(listener: () => void): () => void {
    this.#waiting ??= new Set()
    this.#waiting.add(listener)
    this.#lookLater()
    return () => this.#waiting?.delete(listener)
  }

  /** Writes a finished frame; drops it where the socket is closing. */
  send(frame: WsFrame): void {
    if (this.#isArmed || this.#bufferedBytes() + frame.length < this.#maxBufferedBytes) {
      this.#write(frame)
    } else {
      // The callback comes when the network has taken this frame, and so all before it.
      this.#isArmed = true
      this.#write(frame, () => this.#look())
    }
  }

  /** What `act` sends leaves in one go. Returns what it returns. */
  together<T>(act: () => T): T {
    this.#stream?.cork()
    try {
      return act()
    } finally {
      this.#stream?.uncork()
    }
  }

  /** From now on nothing is sent: the client was asked to move to another node, which sends it the rest. */
  retire(): void {
    this.#isRetired = true
  }

  #bufferedBytes(): number {
    return this.#stream ? this.#stream.writableLength : this.#socket.bufferedAmount
  }

  #isUsable(): boolean {
    return this.#socket.readyState === isOpen && !this.#isRetired && !this.guarded.isHandedOver
  }

  #write(frame: WsFrame, onTaken?: () => void): void {
    if (this.#socket.readyState !== isOpen) return
    if (this.#stream) this.#stream.write(frame, onTaken)
    else this.#socket.send(payloadOf(frame), asText, onTaken)
  }

  #look(): void {
    this.#isArmed = false
    const listeners = this.#waiting ?? []
    this.#waiting = undefined
    // One that finds no room asks again, and comes after the others then.
    for (const listener of listeners) listener()
  }

  #lookLater(): void {
    if (this.#isArmed || !this.#isUsable()) return
    this.#isArmed = true
    setTimeout(() => this.#look(), lookMs).unref()
  }
}

/**
 * `ws` holds its network stream here. Nothing is queued inside of a socket without extensions, so the stream takes whole
 * frames between its own. Without it frames are written by the socket's `send`, at about twice the cost.
 */
function streamOf(socket: Socket): Writable | undefined {
  return socket.extensions === '' ? (socket as { _socket?: Writable })._socket : undefined
}
