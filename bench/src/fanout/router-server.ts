import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { liveSockets } from '@commitcast/live'
import type { AnyTRPCRouter } from '@trpc/server'
import { createHTTPHandler } from '@trpc/server/adapters/standalone'
import { applyWSSHandler } from '@trpc/server/adapters/ws'
import { WebSocketServer } from 'ws'

/** Serves a router at `/trpc` over HTTP and WebSocket, with our options for sockets or as tRPC comes. Returns the port. */
export async function startRouterServer(
  router: AnyTRPCRouter,
  { isLive, port = 0 }: { isLive: boolean; port?: number },
): Promise<number> {
  const http = createServer(createHTTPHandler({ router, basePath: '/trpc/' }))
  const wss = new WebSocketServer({ server: http, path: '/trpc' })
  applyWSSHandler(isLive ? liveSockets({ wss, router }) : { wss, router })
  http.listen(port, '127.0.0.1', 2_048)
  await once(http, 'listening')
  return (http.address() as AddressInfo).port
}
