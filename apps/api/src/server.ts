import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { channels, type Shop, type ShopRouter } from '@commitcast/bookshop'
import { createHTTPHandler } from '@trpc/server/adapters/standalone'
import { applyWSSHandler } from '@trpc/server/adapters/ws'
import { eventsEndpoint, liveSockets, liveStreams } from 'commitcast'
import { answerHealth, type HealthReport, type Logger, sleep } from 'commitcast/process'
import { WebSocketServer } from 'ws'

export interface ServerOptions {
  readonly router: ShopRouter
  readonly live: Shop['live']
  readonly health: HealthReport
  readonly port: number
  readonly host: string
  readonly logger: Logger
}

/** Serves the router at `/trpc` over HTTP and WebSocket, all orders' events at `/events/orders`, and `GET /health`. */
export async function startServer({ router, live: shopLive, health, port, host, logger }: ServerOptions) {
  const streams = liveStreams({ logger })
  const answer = createHTTPHandler({
    router,
    basePath: '/trpc/',
    createContext: streams.guardContext(() => ({})),
    onError: ({ error, path }) => report(error, path),
  })
  const orders = eventsEndpoint(shopLive.subscription({ channels: () => [channels.orders()], authorize: 'everyone' }), {
    input: () => undefined,
    ctx: () => undefined,
    streams,
    logger,
  })
  const http = createServer((request, response) => {
    if (request.url === '/health') answerHealth(response, () => ({ ...health(), ...clients() }))
    else if (request.url?.startsWith('/trpc/')) answer(request, response)
    else if (/^\/events\/orders(\?|$)/.test(request.url ?? '')) orders(request, response)
    else response.writeHead(404).end()
  })
  const sockets = new WebSocketServer({ server: http, path: '/trpc' })
  const live = liveSockets({ wss: sockets, router, logger, onError: ({ error, path }) => report(error, path) })
  applyWSSHandler(live)
  const clients = () => ({ sockets: live.health(), streams: streams.health() })
  const report = (
    error: { readonly code: string; readonly message: string; readonly cause?: unknown },
    path?: string,
  ) => {
    if (error.code === 'INTERNAL_SERVER_ERROR') logger.error({ code: 'CALL_FAILED', path, err: error }, 'a call failed')
  }
  await new Promise<void>((resolve, reject) => {
    http.once('error', reject)
    http.listen(port, host, resolve)
  })
  return {
    port: (http.address() as AddressInfo).port,
    /** Refuses new clients, moves the others to other nodes, and gives calls under way a moment to end. */
    async close() {
      const ended = new Promise((resolve) => http.close(resolve))
      const times = { overMs: 1_000, deadlineMs: 1_000 }
      await Promise.all([live.drain(times), streams.drain(times)])
      sockets.close()
      http.closeIdleConnections()
      await Promise.race([ended, sleep(endMs)])
      http.closeAllConnections()
    },
  }
}

/** How long calls under way may take to end when the process stops. */
const endMs = 1_000
