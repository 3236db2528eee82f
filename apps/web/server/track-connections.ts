import type { Server } from 'node:http'
import type { Socket } from 'node:net'

/**
 * Knows a server's open connections, also those that became WebSockets, which Node no longer counts as its own. Nothing
 * that goes wrong on one of them can end the process.
 */
export function trackConnections(server: Server) {
  const open = new Set<Socket>()
  server.on('connection', (socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
    // Between an upgrade and its WebSocket there is no other listener, and a reset would be an uncaught error.
    socket.on('error', () => {})
  })
  return {
    destroy() {
      for (const socket of open) socket.destroy()
    },
  }
}
