import { openNetwork } from '../fixtures/network.ts'
import { openTopic, startNode, type Way } from './live-node.ts'
import { openStockClient } from './stock-client.ts'

/** A topic, a node that serves it, a client of that, and what lies between them. */
export async function openClientOfNode(way: Way, options: Parameters<typeof startNode>[1] = {}) {
  const topic = await openTopic()
  const node = await startNode(topic, { way, ...options })
  const network = await openNetwork(() => Number(new URL(node.url).port))
  const client = openStockClient(way, () => network.url)
  return {
    topic,
    node,
    network,
    client,
    /** The most that the node holds for a connection, in bytes written and not yet taken. */
    buffered: () =>
      way === 'sse'
        ? Math.max(0, ...[...node.responses].map((response) => response.writableLength))
        : Math.max(0, ...[...node.wss.clients].map((socket) => socket.bufferedAmount)),
    async [Symbol.asyncDispose]() {
      await client.close()
      await network[Symbol.asyncDispose]()
      await node[Symbol.asyncDispose]()
    },
  }
}
