import { expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { createRandom } from '../fixtures/random.ts'
import { type LiveNode, openTopic, startNode, type TestTopic, type Way } from './live-node.ts'
import { expectInOrder } from './output-contract.ts'
import { listen, openStockClient } from './stock-client.ts'

/** Ten clients with two subscriptions each move from node to node under load; `tell` tells them to. */
async function moveClients(way: Way, nodes: readonly LiveNode[], topic: TestTopic, tell: (from: LiveNode) => void) {
  const random = createRandom()
  let at = 0
  const clients = Array.from({ length: 10 }, () => openStockClient(way, () => nodes[at]!.url))
  const heards = clients.flatMap((client) => [listen(client, 'follow'), listen(client, 'count')])
  await eventually(() => expect(heards.every((heard) => heard.isLive())).toBe(true))
  const writing = new AbortController()
  const written = (async () => {
    while (!writing.signal.aborted) {
      await topic.append(random.int(1, 6))
      await new Promise((resolve) => setTimeout(resolve, random.int(1, 5)))
    }
  })()
  for (let from = nodes[0]!; ++at < nodes.length; from = nodes[at]!) {
    tell(from)
    await eventually(() => expect([from.attached, nodes[at]!.attached]).toEqual([0, 20]))
    await eventually(() => expect(from.wss.clients.size).toBe(0))
  }
  at = nodes.length - 1
  writing.abort()
  await written
  for (const heard of heards) {
    await eventually(() => expect(heard.numbers.length, `SEED=${random.seed}`).toBe(topic.made))
    expectInOrder(heard.numbers)
    expect(heard.kinds).not.toContain('resync')
    expect(heard.errors).toEqual([])
  }
  await Promise.all(clients.map((client) => client.close()))
}

test("told to reconnect by tRPC's broadcast, stock clients have each event once, though each node interleaves them otherwise", async () => {
  const topic = await openTopic()
  await using first = await startNode(topic)
  await using second = await startNode(topic)
  const nodes = Array.from({ length: 8 }, (_, move) => (move % 2 === 0 ? first : second))
  await moveClients('frames', nodes, topic, (from) => from.handler.broadcastReconnectNotification())
})

test.each(['frames', 'yielded'] as const)('drained at a pace, they have, too (%s)', async (way) => {
  const topic = await openTopic()
  await using first = await startNode(topic, { way })
  await using second = await startNode(topic, { way })
  await using third = await startNode(topic, { way })
  await moveClients(way, [first, second, third], topic, (from) => void from.sockets?.drain({ overMs: 100 }))
})
