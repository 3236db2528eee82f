import type { WebSocketClientOptions } from '@trpc/client'

/**
 * Options for tRPC's `createWSClient` that bear a restart of the server with thousands of clients, and dead networks:
 * `createWSClient(liveConnection({ url }))`. Whatever you give goes before its defaults. Works in Node from 22 on; before,
 * give a `WebSocket`.
 *
 * - Comes back after a random time from the first try on: up to a second, then up to two, four, … 30 seconds.
 * - Asks for a sign of life after 15 seconds of silence, and gives up a connection that shows none for 20 more: so long
 *   because tRPC counts only the answer itself, and it may stand behind a megabyte of events.
 */
export function liveConnection(options: WebSocketClientOptions): WebSocketClientOptions {
  const keepAlive = { enabled: true, intervalMs: 15_000, pongTimeoutMs: 20_000, ...options.keepAlive }
  return { retryDelayMs: fullJitter, ...options, keepAlive }
}

/** A random time up to a bound that doubles with each try: a second, then at most 30. In ms. */
export function fullJitter(attempt: number): number {
  return Math.random() * Math.min(30_000, 1_000 * 2 ** attempt)
}
