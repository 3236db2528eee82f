import { once } from 'node:events'
import { type Logger, silentLogger } from '@commitcast/worker'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { eventually } from '../fixtures/eventually.ts'
import { type LiveNode, openTopic, startNode } from './live-node.ts'
import { testOutput } from './output-contract.ts'
import { listen, openStockClient } from './stock-client.ts'

testOutput('frames')

/** What a server writes to a client that subscribes with these requests. */
async function openWire({ url }: LiveNode, requests: readonly object[]) {
  const socket = new WebSocket(url.replace('http', 'ws'))
  const messages: { id: unknown; result: { type: string; data: { json: { data: { kind: string } } } } }[] = []
  socket.on('message', (data) => messages.push(JSON.parse(String(data))))
  await once(socket, 'open')
  for (const request of requests) socket.send(JSON.stringify({ method: 'subscription', ...request }))
  return {
    socket,
    get events() {
      return messages.filter(({ result }) => result.type === 'data' && result.data.json.data.kind === 'event')
    },
  }
}

/** Notes what is warned of. */
function listeningLogger() {
  const warnings: string[] = []
  const logger = Object.create(silentLogger, {
    warn: { value: (_: object, words: string) => warnings.push(words) },
  }) as Logger
  return { warnings, logger }
}

test('frames are word for word what tRPC itself writes, whatever the request ids', async () => {
  const topic = await openTopic()
  await topic.append(7, { text: 'Größe "x"\n\u2028 cursor-' })
  await using framed = await startNode(topic, { way: 'frames' })
  await using plain = await startNode(topic, { way: 'plain' })
  const [lastEventId, input] = ['1.1.0-0-0', { json: {} }]
  const requests = [
    { id: 1, params: { path: 'follow', lastEventId, input } },
    { id: '"ä"', jsonrpc: '2.0', params: { path: 'count', lastEventId: `${lastEventId}.3:5:4`, input } },
  ]
  const wires = await Promise.all([framed, plain].map((node) => openWire(node, requests)))
  await eventually(() => expect(wires.map(({ events }) => events.length)).toEqual([11, 11]))
  const byRequest = wires.map(({ events }) => Object.groupBy(events, ({ id }) => String(id)))
  expect(byRequest[0]).toEqual(byRequest[1])
  for (const { socket } of wires) socket.terminate()
})

test.each([
  ['frames', []],
  ['yielded', ['the encoder of liveSockets was not asked']],
  ['plain', ['over WebSockets without liveSockets']],
  ['sse', []],
] as const)(
  'events reach stock clients %s; what costs more than it has to is warned of once',
  async (way, expected) => {
    const topic = await openTopic()
    const { logger, warnings } = listeningLogger()
    await using node = await startNode(topic, { way, logger })
    const client = openStockClient(way, () => node.url)
    const heards = [listen(client, 'follow'), listen(client, 'follow')]
    await eventually(() => expect(heards.every((heard) => heard.isLive())).toBe(true))
    await topic.append(3)
    for (const heard of heards) await eventually(() => expect(heard.numbers.toSorted()).toEqual([1, 2, 3]))
    expect(warnings).toEqual(expected.map((words) => expect.stringContaining(words)))
    for (const heard of heards) heard.end()
    await client.close()
  },
)
