import type { Envelope } from '@commitcast/events'
import { type EventText, envelopeOf, type LiveEntry, type Serialize } from '../../hub/live-entry.ts'
import { textOf } from './event-text.ts'
import { openFrame, type WsFrame } from './ws-frame.ts'

/** A subscription's request, as its messages begin: `{"id":7,"result":{"type":"data","id":"`. Equal ids, equal beginnings. */
export type RequestHead = string

/** Makes finished messages of tRPC's wire shape, which stock clients read. */
export interface Frames {
  /** An event; one buffer for all followers that have the same cursor and the same request id. */
  ofEvent(request: RequestHead, cursor: string, entry: LiveEntry): WsFrame
  ofEnvelope(request: RequestHead, cursor: string, envelope: Envelope<unknown, unknown>): WsFrame
}

/** `maxBytes` bounds the finished messages that are kept to be shared: those of the last moments. Default 4 MiB. */
export function createFrames(serialize: Serialize, { maxBytes = 4 * 1024 * 1024 } = {}): Frames {
  const kept = createKept(maxBytes)

  const ofEnvelope: Frames['ofEnvelope'] = (request, cursor, envelope) => {
    const data = JSON.stringify(serialize({ id: cursor, data: envelope }))
    const text = `${request}${cursor}","data":${data}}}`
    const { frame, at } = openFrame(Buffer.byteLength(text))
    frame.write(text, at)
    return frame
  }

  return {
    ofEnvelope,
    ofEvent(request, cursor, entry) {
      const text = textOf(entry, serialize)
      if (!text) return ofEnvelope(request, cursor, envelopeOf(entry))
      if (cursor !== entry.cursor) return toFrame(request, cursor, text)
      const shared = text.frames?.get(request)
      if (shared) return shared
      const frame = toFrame(request, cursor, text)
      kept.add(text, request, frame)
      return frame
    },
  }
}

/** How the messages of a request begin, up to the cursor. */
export function requestHead({ id, jsonrpc }: { id: unknown; jsonrpc?: unknown }): RequestHead {
  const version = jsonrpc === undefined ? '' : `"jsonrpc":${JSON.stringify(jsonrpc)},`
  return `{"id":${JSON.stringify(id)},${version}"result":{"type":"data","id":"`
}

function toFrame(request: RequestHead, cursor: string, { head, tail }: EventText): WsFrame {
  const start = `${request}${cursor}","data":${head}${cursor}`
  // All of it is ASCII but for a request id that a client chose.
  const size = Buffer.byteLength(start)
  const { frame, at } = openFrame(size + tail.length)
  frame.write(start, at)
  frame.set(tail, at + size)
  return frame
}

/** A client chooses its request ids. */
const maxRequestsPerText = 16

function createKept(maxBytes: number) {
  const added: { readonly text: EventText; readonly bytes: number }[] = []
  let first = 0
  let bytes = 0

  const dropOldest = () => {
    const { text, bytes: freed } = added[first++]!
    delete text.frames
    bytes -= freed
    if (first < 1_000) return
    added.splice(0, first)
    first = 0
  }

  return {
    add(text: EventText, request: RequestHead, frame: WsFrame) {
      text.frames ??= new Map()
      if (text.frames.size >= maxRequestsPerText) return
      text.frames.set(request, frame)
      added.push({ text, bytes: frame.length })
      bytes += frame.length
      while (bytes > maxBytes && first < added.length) dropOldest()
    },
  }
}
