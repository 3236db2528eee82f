import { once } from 'node:events'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { openTopic, startNode } from './live-node.ts'
import { testOutput } from './output-contract.ts'

testOutput('compressed')

test('a client that offers permessage-deflate gets compressed frames where the server was told to', async () => {
  const topic = await openTopic()
  await using node = await startNode(topic, { way: 'compressed' })
  const socket = new WebSocket(node.url.replace('http', 'ws'))
  await once(socket, 'open')
  expect(socket.extensions).toBe('permessage-deflate')
  socket.terminate()
})
