import { WebSocket } from 'ws'

const number = /"n":(\d+)/
const cursorIn = /"type":"data","id":"([^"]+)"/
/** A random part of it before each try, as our client and every polite one waits. */
const returnMs = 1_000

/** A client that notes its cursor, and comes back with it when its connection breaks. Reads as little as can be. */
export function openReturningClient(port: number) {
  const seen = new Set<string>()
  const live = Promise.withResolvers<void>()
  let events = 0
  let resyncs = 0
  let isLive = false
  let cursor: string | undefined

  const connect = () => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/trpc`, { perMessageDeflate: false })
    socket.on('open', () => {
      const params = { path: 'follow', input: { json: null, meta: { values: ['undefined'] } }, lastEventId: cursor }
      socket.send(JSON.stringify({ id: 1, method: 'subscription', params }))
    })
    socket.on('message', (data) => take(String(data)))
    socket.on('error', () => {})
    socket.on('close', () => {
      isLive = false
      setTimeout(connect, Math.random() * returnMs)
    })
  }
  const take = (text: string) => {
    cursor = cursorIn.exec(text)?.[1] ?? cursor
    if (text.includes('"kind":"event"')) {
      events++
      seen.add(number.exec(text)![1]!)
    } else if (text.includes('"kind":"live"')) {
      isLive = true
      live.resolve()
    } else if (text.includes('"kind":"resync"')) resyncs++
  }
  connect()
  return {
    firstLive: live.promise,
    get isLive() {
      return isLive
    },
    get events() {
      return events
    },
    get distinct() {
      return seen.size
    },
    get resyncs() {
      return resyncs
    },
  }
}
