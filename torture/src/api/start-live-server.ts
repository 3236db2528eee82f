import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { liveSockets, liveStreams } from '@commitcast/live'
import { type Logger, sleep } from '@commitcast/worker'
import { createHTTPHandler } from '@trpc/server/adapters/standalone'
import { applyWSSHandler } from '@trpc/server/adapters/ws'
import { answerHealth } from 'commitcast/process'
import { WebSocketServer } from 'ws'
import type { LiveRouter } from './live-router.ts'

const endMs = 500

/** Serves the router at `/trpc` over WebSocket and SSE, and `GET /health`, as an application does. */
export async function startLiveServer(router: LiveRouter, logger: Logger) {
  const streams = liveStreams({ logger })
  const createContext = streams.guardContext(async () => ({}))
  const answer = createHTTPHandler({ router, basePath: '/trpc/', createContext })
  const http = createServer((request, response) => {
    if (request.url === '/health')
      answerHealth(response, () => ({ sockets: sockets.health(), streams: streams.health() }))
    else answer(request, response)
  })
  const wss = new WebSocketServer({ server: http, path: '/trpc' })
  const sockets = liveSockets({ wss, router, createContext: () => ({}), logger })
  applyWSSHandler(sockets)
  http.listen(0, '127.0.0.1')
  await new Promise((resolve, reject) => http.once('listening', resolve).once('error', reject))
  return {
    port: (http.address() as AddressInfo).port,
    /** Moves the clients to other processes, then ends. */
    async close() {
      const pace = { overMs: 1_000, deadlineMs: 1_000 }
      await Promise.all([sockets.drain(pace), streams.drain(pace)])
      wss.close()
      const ended = new Promise((resolve) => http.close(resolve))
      await Promise.race([ended, sleep(endMs)])
      http.closeAllConnections()
    },
  }
}
