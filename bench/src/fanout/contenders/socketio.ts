import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Server } from 'socket.io'
import superjson from 'superjson'
import type { Contender } from '../contender.ts'
import { envelopeOf } from '../sample-live.ts'

/** Socket.IO over WebSocket alone, one `emit` to all; superjson once for an event, so that dates arrive as dates. */
export const socketio: Contender = {
  wire: 'socketio',
  async serve(size) {
    const http = createServer()
    const io = new Server(http, { transports: ['websocket'], serveClient: false })
    http.listen(0, '127.0.0.1', 2_048)
    await once(http, 'listening')
    return {
      port: (http.address() as AddressInfo).port,
      get followers() {
        return io.sockets.sockets.size
      },
      publish: (n) => void io.emit('event', superjson.serialize(envelopeOf(n, size))),
    }
  },
}
