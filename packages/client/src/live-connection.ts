import type { WebSocketClientOptions } from '@trpc/client'
import { promptSocket } from './prompt-socket.ts'

/**
 * Options for tRPC's `createWSClient` that bear a restart of the server with thousands of clients, and dead networks:
 * `createWSClient(liveConnection({ url }))`. Whatever you give goes before its defaults. Works in Node from 22 on; before,
 * give a `WebSocket`.
 *
 * - Reconnects after a random time from the first try on: up to a second, then up to two, four, … 30 seconds.
 * - Asks for a sign of life after 10 seconds of silence, and gives up a connection that shows none for 16 more, so within 30:
 *   so long because tRPC counts only the answer itself, and it may stand behind a megabyte of events.
 * - Gives up a connection that does not open within 15 seconds, and waits at most a second for one to close.
 */
export function liveConnection(options: WebSocketClientOptions): WebSocketClientOptions {
  const keepAlive = { enabled: true, intervalMs: 10_000, pongTimeoutMs: 16_000, ...options.keepAlive }
  const Socket = options.WebSocket ?? globalThis.WebSocket
  return { retryDelayMs: fullJitter, ...options, keepAlive, ...(Socket && { WebSocket: promptSocket(Socket) }) }
}

/** A random time up to a bound that doubles with each try: a second, then at most 30. In ms. */
export function fullJitter(attempt: number): number {
  return Math.random() * Math.min(30_000, 1_000 * 2 ** attempt)
}
