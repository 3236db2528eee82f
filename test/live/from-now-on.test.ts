import { once } from 'node:events'
import { get } from 'node:http'
import type { Topic } from '@commitcast/broker'
import { expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { type LiveNode, openTopic, partitions, startNode, type Way } from './live-node.ts'
import { listen, openStockClient } from './stock-client.ts'

/** Makes topics whose partitions can be cut off from the node that reads them: asking goes on, nothing is read. */
function createGate() {
  const closed = new Set<number>()
  let opened = Promise.withResolvers<void>()
  return {
    close(...of: number[]) {
      for (const partition of of) closed.add(partition)
    },
    open() {
      closed.clear()
      opened.resolve()
      opened = Promise.withResolvers()
    },
    wrap: (topic: Topic): Topic => ({
      ...topic,
      async *read(partition, after, options) {
        for await (const batch of topic.read(partition, after, options)) {
          while (closed.has(partition)) await opened.promise
          yield batch
        }
      },
    }),
  }
}

/** What a plain client is told, one line of its stream for each field. */
async function openEventSource(node: LiveNode) {
  let text = ''
  const request = get(node.url.replace('/trpc', '/events'))
  const [response] = await once(request, 'response')
  response.on('data', (chunk: Buffer) => (text += chunk))
  response.on('error', () => {})
  return {
    get numbers() {
      return [...text.matchAll(/"n":(\d+)/g)].map(([, n]) => Number(n))
    },
    isLive: () => text.includes('event: live'),
    end: () => request.destroy(),
  }
}

const allPartitions = Array.from({ length: partitions }, (_, partition) => partition)
const ways: readonly Way[] = ['frames', 'yielded', 'sse']

test.each(ways)(
  'a new client of a fresh node gets what is new, and one that returns what it missed (%s)',
  async (way) => {
    const topic = await openTopic()
    await topic.append(30)
    const gate = createGate()
    gate.close(...allPartitions)
    await using node = await startNode(topic, { way, wrap: gate.wrap })
    const client = openStockClient(way, () => node.url)
    const fresh = listen(client, 'follow')
    const returning = listen(client, 'follow', { lastEventId: '1.1.0-0-0' })
    await eventually(() => expect(fresh.isLive()).toBe(true))
    gate.open()
    await eventually(() => expect(returning.numbers).toHaveLength(30))
    const second = listen(client, 'follow')
    await eventually(() => expect(second.isLive()).toBe(true))
    await topic.append(6)
    await eventually(() => expect(returning.numbers).toHaveLength(36))
    await eventually(() => {
      for (const { numbers } of [fresh, second]) expect(numbers.toSorted()).toEqual([31, 32, 33, 34, 35, 36])
    })
    expect(returning.kinds).not.toContain('resync')
    for (const heard of [fresh, returning, second]) heard.end()
    await client.close()
  },
)

test('a new EventSource of a fresh node gets what is new', async () => {
  const topic = await openTopic()
  await topic.append(30)
  const gate = createGate()
  gate.close(...allPartitions)
  await using node = await startNode(topic, { wrap: gate.wrap })
  const fresh = await openEventSource(node)
  await eventually(() => expect(fresh.isLive()).toBe(true))
  gate.open()
  await topic.append(3)
  await eventually(() => expect(fresh.numbers.toSorted()).toEqual([31, 32, 33]))
  fresh.end()
})

test('where the reading of a partition is cut off, a new client gets nothing of what came before it', async () => {
  const topic = await openTopic()
  const gate = createGate()
  await using node = await startNode(topic, { wrap: gate.wrap })
  const client = openStockClient('frames', () => node.url)
  const before = listen(client, 'follow')
  await eventually(() => expect(before.isLive()).toBe(true))
  gate.close(1)
  await topic.append(30)
  const fresh = listen(client, 'follow')
  await eventually(() => expect(fresh.isLive()).toBe(true))
  await topic.append(6)
  gate.open()
  await eventually(() => expect(before.numbers).toHaveLength(36))
  await eventually(() => expect(fresh.numbers.toSorted()).toEqual([31, 32, 33, 34, 35, 36]))
  for (const heard of [before, fresh]) heard.end()
  await client.close()
})

test('after a resync a client of a fresh node gets what is new, too', async () => {
  const topic = await openTopic()
  await topic.append(30)
  const gate = createGate()
  gate.close(...allPartitions)
  await using node = await startNode(topic, { wrap: gate.wrap })
  const client = openStockClient('frames', () => node.url)
  const heard = listen(client, 'follow', { lastEventId: '1.7.0-0-0' })
  await eventually(() => expect(heard.isLive()).toBe(true))
  gate.open()
  await topic.append(3)
  await eventually(() => expect(heard.numbers.toSorted()).toEqual([31, 32, 33]))
  expect(heard.kinds).toEqual(['resync', 'live', 'event'])
  heard.end()
  await client.close()
})

test('a state-first client of a fresh node gets what its state does not show, and nothing older', async () => {
  const topic = await openTopic()
  await topic.append(30)
  const gate = createGate()
  gate.close(...allPartitions)
  const readState = async () => ({ state: 29, snapshot: '29:31:29', epoch: 1 })
  await using node = await startNode(topic, { wrap: gate.wrap, readState })
  const client = openStockClient('frames', () => node.url)
  const heard = listen(client, 'count')
  await eventually(() => expect(heard.isLive()).toBe(true))
  gate.open()
  await topic.append(3)
  await eventually(() => expect(heard.numbers.toSorted()).toEqual([29, 31, 32, 33]))
  heard.end()
  await client.close()
})

test('a broker that can not say where a partition ends is waited for', async () => {
  const topic = await openTopic()
  await topic.append(30)
  const gate = createGate()
  let isAway = false
  const outage = () => Object.assign(new Error('away'), { code: 'BROKER_UNAVAILABLE', retryable: true })
  let asked = 0
  await using node = await startNode(topic, {
    wrap: (whole) => ({
      ...gate.wrap(whole),
      async last(partition) {
        if (!isAway) return whole.last(partition)
        asked++
        throw outage()
      },
    }),
  })
  isAway = true
  gate.close(...allPartitions)
  const client = openStockClient('frames', () => node.url)
  const heard = listen(client, 'follow')
  await eventually(() => expect(asked).toBeGreaterThan(partitions))
  await topic.append(6)
  expect(heard.isLive()).toBe(false)
  isAway = false
  await eventually(() => expect(heard.isLive()).toBe(true))
  gate.open()
  await topic.append(3)
  await eventually(() => expect(heard.numbers.toSorted()).toEqual([37, 38, 39]))
  heard.end()
  await client.close()
})

test('clients that come at once ask together where the topic ends', async () => {
  const topic = await openTopic()
  let asked = 0
  await using node = await startNode(topic, {
    wrap: (whole) => ({
      ...whole,
      last(partition) {
        asked++
        return whole.last(partition)
      },
    }),
  })
  const client = openStockClient('frames', () => node.url)
  asked = 0
  const heards = Array.from({ length: 60 }, () => listen(client, 'follow'))
  await eventually(() => expect(heards.every((heard) => heard.isLive())).toBe(true))
  expect(asked).toBeLessThan(heards.length)
  for (const heard of heards) heard.end()
  await client.close()
})
