import { WebSocket } from 'ws'
import type { Wire } from '../contender.ts'

type Take = (chunk: Buffer, isWhole: boolean) => void

const subscribe = JSON.stringify({
  id: 1,
  method: 'subscription',
  params: { path: 'follow', input: { json: null, meta: { values: ['undefined'] } } },
})

/** One client over WebSocket, with as little work as can be: what is measured is the server. Resolves when it is open. */
export function openSocket(wire: Exclude<Wire, 'sse'>, port: number, take: Take): Promise<() => void> {
  const path = wire === 'socketio' ? 'socket.io/?EIO=4&transport=websocket' : 'trpc'
  const socket = new WebSocket(`ws://127.0.0.1:${port}/${path}`, { perMessageDeflate: false })
  return new Promise((resolve, reject) => {
    const opened = () => resolve(() => socket.terminate())
    socket.on('error', reject)
    socket.on('open', () => {
      if (wire === 'trpc') socket.send(subscribe)
      if (wire !== 'socketio') opened()
    })
    socket.on('message', (data) => {
      const message = data as Buffer
      if (wire !== 'socketio') return take(message, true)
      // Socket.IO: an event, connected; Engine.IO: open, ping.
      const start = message.toString('latin1', 0, 2)
      if (start === '42') take(message, true)
      else if (start === '40') opened()
      else if (start === '0{') socket.send('40')
      else if (start === '2') socket.send('3')
    })
  })
}
