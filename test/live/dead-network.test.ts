import { liveConnection } from '@commitcast/client'
import { createTRPCClient, createWSClient, wsLink } from '@trpc/client'
import superjson from 'superjson'
import { describe, expect, test } from 'vitest'
import { WebSocket as WsSocket } from 'ws'
import { eventually } from '../fixtures/eventually.ts'
import { openNetwork } from '../fixtures/network.ts'
import { openTopic, startNode, type TestRouter } from './live-node.ts'
import { listen } from './stock-client.ts'

const foundMs = 32_000

describe.each([
  ['the WebSocket of Node', undefined],
  ['that of ws', WsSocket as unknown as typeof WebSocket],
])('a client with %s', (_, given) => {
  test('gives up a connection that the network forgot within 30 s, and so does the server; then nothing is missed', async () => {
    const topic = await openTopic()
    await using node = await startNode(topic, { way: 'frames' })
    await using network = await openNetwork(() => Number(new URL(node.url).port))
    const states: string[] = []
    const socket = createWSClient(
      liveConnection({ url: network.url.replace('http', 'ws'), ...(given && { WebSocket: given }) }),
    )
    socket.connectionState.subscribe({ next: ({ state }) => states.push(state) })
    const trpc = createTRPCClient<TestRouter>({ links: [wsLink({ client: socket, transformer: superjson })] })
    const heard = listen({ trpc, close: () => socket.close() }, 'follow')
    await topic.append(3)
    await eventually(() => expect(heard.isLive()).toBe(true))
    await topic.append(3)
    await eventually(() => expect(heard.numbers.length).toBeGreaterThanOrEqual(3))
    const before = states.length
    const [forgotten] = node.wss.clients
    network.forget({ newOnes: true })
    await topic.append(3)
    await eventually(() => expect(states.slice(before)).toContain('connecting'), foundMs)
    await eventually(() => expect(node.wss.clients.has(forgotten!)).toBe(false), foundMs)
    network.forget()
    await eventually(() => expect(heard.numbers.slice(-3).toSorted((a, b) => a - b)).toEqual([7, 8, 9]))
    expect(new Set(heard.numbers).size).toBe(heard.numbers.length)
    heard.end()
    await socket.close()
  })
})
