import type { ServerResponse } from 'node:http'
import type { Envelope } from '@commitcast/events'
import { closeConnection } from './close-connection.ts'

/** A response as a `text/event-stream`. */
export interface EventStream {
  /** Begins with the first message; where that takes long (an outage), with a comment, so that no proxy gives up on it. */
  beginLater(): void
  /** Resolves when the client has room for more, or is gone. */
  send(cursor: string, envelope: Envelope<unknown, unknown>): Promise<void>
  end(): void
  /** Ends it, also one that has not begun, and has the client reconnect after a random time. */
  moveOn(): void
}

/** How often a comment says that the stream lives. */
const heartbeatMs = 15_000
const headers = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
}

export function createEventStream(response: ServerResponse, signal: AbortSignal): EventStream {
  let heartbeat: NodeJS.Timeout | undefined
  const stop = () => clearInterval(heartbeat)
  signal.addEventListener('abort', stop, { once: true })

  const write = (text: string) => {
    if (!response.headersSent) response.writeHead(200, headers).write(`retry: ${retryMs()}\n\n`)
    return response.write(text)
  }
  const beat = () => {
    // Behind what a slow client has not taken, comments would only pile up.
    if (!response.writableNeedDrain) write(':\n\n')
  }

  return {
    beginLater() {
      if (!signal.aborted) heartbeat = setInterval(beat, heartbeatMs).unref()
    },
    async send(cursor, envelope) {
      if (!signal.aborted && !write(textOf(cursor, envelope))) await drained(response, signal)
    },
    end() {
      stop()
      response.end()
    },
    moveOn() {
      closeConnection(response)
      if (!response.writableEnded) write(response.headersSent ? `retry: ${soonMs()}\n\n` : '')
      this.end()
    },
  }
}

/** When a client that was cut off reconnects: not all at the same moment. */
function retryMs(): number {
  return Math.round(1_000 + Math.random() * 2_000)
}

/** When a client reconnects that was moved to another node at its own moment. */
function soonMs(): number {
  return Math.round(100 + Math.random() * 900)
}

function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const leave = () => {
    response.off('drain', leave)
    signal.removeEventListener('abort', leave)
    resolve()
  }
  response.once('drain', leave)
  signal.addEventListener('abort', leave, { once: true })
  if (signal.aborted) leave()
  return promise
}

function textOf(cursor: string, envelope: Envelope<unknown, unknown>): string {
  const { name, data } = messageOf(envelope)
  return `id: ${cursor}\nevent: ${name}\ndata: ${JSON.stringify(data, toPlain) ?? 'null'}\n\n`
}

/** A message without data would never reach a listener. */
function messageOf(envelope: Envelope<unknown, unknown>): { readonly name: string; readonly data: unknown } {
  if (envelope.kind === 'event') return { name: (envelope.event as { type: string }).type, data: envelope.event }
  if (envelope.kind === 'unreadable') return { name: 'unreadable', data: envelope.event }
  if (envelope.kind === 'hint') return { name: 'hint', data: envelope.hint }
  if (envelope.kind === 'state') return { name: 'state', data: envelope.state }
  const { kind, ...data } = envelope
  return { name: kind, data }
}

/** What JSON has no word for; dates are texts already. */
function toPlain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  if (value instanceof Map || value instanceof Set) return [...value]
  return value
}
