import { expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { openTopic, startNode } from './live-node.ts'
import { listen, openStockClient } from './stock-client.ts'

test('what a node did not read before the broker forgot it: whoever follows has to resync, and every permission is asked about again', async () => {
  const topic = await openTopic()
  let isAway = false
  await using node = await startNode(topic, {
    wrap: (whole) => ({
      ...whole,
      async *read(partition, after, options) {
        for await (const batch of whole.read(partition, after, options)) {
          if (isAway) throw new Error('the broker is away')
          yield batch
        }
      },
    }),
  })
  const client = openStockClient('frames', () => node.url)
  const heard = listen(client, 'follow', { channel: 'quiet' })
  await eventually(() => expect(heard.isLive()).toBe(true))
  let rung = 0
  const detach = node.hub.attach(['access:ann'], {
    isDue: false,
    isBehind: false,
    step() {
      rung++
      return false
    },
  })

  isAway = true
  await topic.append(30)
  await eventually(() => expect(node.hub.health().ready).toBe(false))
  topic.forget()
  isAway = false
  await eventually(() => expect(node.hub.heads.reduce((sum, head) => sum + head, 0)).toBe(30))
  await eventually(() => expect(heard.kinds.slice(-2)).toEqual(['resync', 'live']))
  expect(rung).toBeGreaterThan(0)

  await topic.append(3, { channels: ['quiet'] })
  await eventually(() => expect(heard.numbers.toSorted()).toEqual([31, 32, 33]))
  detach()
  heard.end()
  await client.close()
})
