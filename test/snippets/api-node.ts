import { createServer } from 'node:http'
import { applyWSSHandler } from '@trpc/server/adapters/ws'
import { liveSockets } from 'commitcast'
import { WebSocketServer } from 'ws'
import { contextOf, type ReadToken, router } from './authorize.ts'

// #region node
export function startApiNode(readToken: ReadToken) {
  const http = createServer((request, response) => {
    const isHealth = request.url === '/health'
    response.writeHead(isHealth ? (live.health().ready ? 200 : 503) : 404).end(JSON.stringify(live.health()))
  })
  const wss = new WebSocketServer({ server: http, path: '/trpc' })
  const live = liveSockets({
    wss,
    router,
    createContext: contextOf(readToken),
    origins: ['https://shop.example'],
    userOf: ({ ctx }) => ctx.userId,
    limits: { maxSocketsPerUser: 20 },
  })
  applyWSSHandler(live)
  http.listen(3000)

  process.once('SIGTERM', async () => {
    // Not ready from here on; the first client is notified five seconds later.
    await live.drain({ afterMs: 5_000, overMs: 10_000, deadlineMs: 10_000 })
    wss.close()
    http.close()
  })
}
// #endregion node
