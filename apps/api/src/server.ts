import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ShopRouter } from '@commitcast/bookshop'
import { answerHealth, type HealthReport, type Logger } from '@commitcast/worker'
import { createHTTPHandler } from '@trpc/server/adapters/standalone'
import { applyWSSHandler } from '@trpc/server/adapters/ws'
import { WebSocketServer } from 'ws'

export interface ServerOptions {
  readonly router: ShopRouter
  readonly health: HealthReport
  readonly port: number
  readonly host: string
  readonly logger: Logger
}

/** Serves the router at `/trpc` over HTTP and WebSocket, and `GET /health`. */
export async function startServer({ router, health, port, host, logger }: ServerOptions) {
  const answer = createHTTPHandler({ router, basePath: '/trpc/', onError: ({ error, path }) => report(error, path) })
  const http = createServer((request, response) => {
    if (request.url === '/health') answerHealth(response, health)
    else if (request.url?.startsWith('/trpc/')) answer(request, response)
    else response.writeHead(404).end()
  })
  const sockets = new WebSocketServer({ server: http, path: '/trpc', maxPayload: 256 * 1024 })
  const live = applyWSSHandler({
    wss: sockets,
    router,
    keepAlive: { enabled: true, pingMs: 25_000, pongWaitMs: 10_000 },
    onError: ({ error, path }) => report(error, path),
  })
  const report = (
    error: { readonly code: string; readonly message: string; readonly cause?: unknown },
    path?: string,
  ) => {
    if (error.code === 'INTERNAL_SERVER_ERROR') logger.error({ path, err: error }, 'a call failed')
  }
  await new Promise<void>((resolve, reject) => {
    http.once('error', reject)
    http.listen(port, host, resolve)
  })
  return {
    port: (http.address() as AddressInfo).port,
    async close() {
      live.broadcastReconnectNotification()
      for (const socket of sockets.clients) socket.close(1001, 'going away')
      sockets.close()
      http.closeIdleConnections()
      await Promise.race([
        new Promise((resolve) => http.close(resolve)),
        new Promise((resolve) => setTimeout(resolve, 1_000)),
      ])
      http.closeAllConnections()
    },
  }
}
