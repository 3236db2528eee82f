import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'
import type { Contender } from '../contender.ts'
import { wireTextOf } from '../sample-live.ts'

/** The limit: `ws` alone. The same text, made once, as one buffer that is sent to every socket. */
export const raw: Contender = {
  wire: 'plain',
  async serve(size) {
    const http = createServer()
    const wss = new WebSocketServer({ server: http, path: '/trpc' })
    http.listen(0, '127.0.0.1', 2_048)
    await once(http, 'listening')
    return {
      port: (http.address() as AddressInfo).port,
      get followers() {
        return wss.clients.size
      },
      publish(n) {
        const shared = Buffer.from(wireTextOf(n, size))
        for (const socket of wss.clients) socket.send(shared, { binary: false })
      },
    }
  },
}
