import { liveStreams } from '@commitcast/live'
import { expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { openNetwork } from '../fixtures/network.ts'
import { openTopic, startNode } from './live-node.ts'
import { expectInOrder } from './output-contract.ts'
import { listen, openStockClient } from './stock-client.ts'

const eventsUrl = (url: string) => url.replace('/trpc', '/events')

/** A stock `EventSource`, and what it was told. */
function openSource(url: string) {
  const source = new EventSource(url)
  const heard = { numbers: [] as number[], names: [] as string[], end: () => source.close() }
  source.addEventListener('noted', (message) => heard.numbers.push(JSON.parse((message as MessageEvent).data).data.n))
  for (const name of ['live', 'resync']) source.addEventListener(name, () => heard.names.push(name))
  return Object.assign(heard, { isLive: () => heard.names.includes('live') })
}

test('a stream too many of a user is refused, whatever kind it is; the others go on, and one that ends makes room', async () => {
  const topic = await openTopic()
  await using node = await startNode(topic, { maxStreamsPerUser: 3 })
  const client = openStockClient('sse', () => node.url)
  const streams = [listen(client, 'follow'), listen(client, 'count')]
  const source = openSource(eventsUrl(node.url))
  await eventually(() => expect([...streams, source].every((stream) => stream.isLive())).toBe(true))

  const late = listen(client, 'follow')
  await eventually(() => expect(late.errors).toEqual(['TOO_MANY_REQUESTS']))
  const refused = await fetch(eventsUrl(node.url))
  expect([refused.status, await refused.text()]).toEqual([429, expect.stringContaining('"maxStreamsPerUser"')])
  expect(node.streams.health()).toEqual({ ready: true, streams: 3, refused: 2 })

  streams[0]!.end()
  await eventually(() => expect(node.streams.health()).toMatchObject({ streams: 2 }))
  const next = listen(client, 'follow')
  await eventually(() => expect(next.isLive()).toBe(true))
  await topic.append(1)
  for (const stream of [streams[1]!, next, source]) await eventually(() => expect(stream.numbers).toEqual([1]))
  for (const stream of [streams[1]!, next, source]) stream.end()
  await eventually(() => expect(node.streams.health()).toMatchObject({ streams: 0 }))
})

test('queries over HTTP are no streams', async () => {
  const topic = await openTopic()
  await using node = await startNode(topic, { maxStreamsPerUser: 1 })
  for (let n = 0; n < 3; n++) expect((await fetch(`${node.url}/look`)).status).toBe(200)
  expect(node.streams.health()).toEqual({ ready: true, streams: 0, refused: 0 })
})

test('drained at a pace, stock SSE clients and EventSources go on at another node, and have each event once', async () => {
  const topic = await openTopic()
  await using first = await startNode(topic)
  await using second = await startNode(topic)
  let target = first
  await using network = await openNetwork(() => Number(new URL(target.url).port))
  const client = openStockClient('sse', () => network.url)
  const followers = Array.from({ length: 6 }, (_, n) => listen(client, n % 2 === 0 ? 'follow' : 'count'))
  const sources = Array.from({ length: 6 }, () => openSource(eventsUrl(network.url)))
  const all = [...followers, ...sources]
  await eventually(() => expect(all.every((heard) => heard.isLive())).toBe(true))
  await topic.append(20)

  target = second
  const draining = first.streams.drain({ overMs: 300, deadlineMs: 120_000 })
  const writing = (async () => {
    while (second.attached < all.length) {
      await topic.append(1)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  })()
  expect(await draining).toEqual({ notified: 12, open: 0 })
  expect(first.streams.health()).toMatchObject({ ready: false, streams: 0 })
  await writing
  await topic.append(5)
  for (const heard of all) {
    await eventually(() => expect(heard.numbers.length).toBe(topic.made))
    expectInOrder(heard.numbers)
  }
  for (const { kinds, errors } of followers)
    expect({ resync: kinds.includes('resync'), errors }).toEqual({ resync: false, errors: [] })
  for (const { names } of sources) expect(names).toEqual(['live', 'live'])
  expect(second.streams.health()).toMatchObject({ ready: true, streams: 12 })
  for (const heard of all) heard.end()
})

test('a stream that begins at a node that goes away ends at once, and not for good', async () => {
  const topic = await openTopic()
  await using node = await startNode(topic)
  expect(await node.streams.drain()).toEqual({ notified: 0, open: 0 })
  const plain = await fetch(eventsUrl(node.url))
  expect([plain.status, await plain.text()]).toEqual([200, expect.stringMatching(/^retry: \d{4}\n\n$/)])
  const text = await (await fetch(`${node.url}/follow`, { headers: { accept: 'text/event-stream' } })).text()
  expect(text).toContain('event: connected')
  expect(text).not.toMatch(/event: (return|serialized-error)/)
})

test('a stream whose client takes nothing is still open at the deadline, which says so', async () => {
  const topic = await openTopic()
  await using node = await startNode(topic)
  await using network = await openNetwork(() => Number(new URL(node.url).port))
  const client = openStockClient('sse', () => network.url)
  const heard = listen(client, 'follow')
  await eventually(() => expect(heard.isLive()).toBe(true))
  network.stall(true)
  for (let n = 0; n < 1_000; n++) await topic.append(1, { text: 'x'.repeat(10_000) })
  await eventually(() => expect(node.hub.heads.reduce((sum, head) => sum + head)).toBe(1_000))
  expect(await node.streams.drain({ overMs: 1, deadlineMs: 100 })).toMatchObject({ notified: 1 })
  heard.end()
})

test('a limit that is none throws', () => {
  expect(() => liveStreams({ maxStreamsPerUser: 0 })).toThrow('maxStreamsPerUser is 0: give a whole number from 1 on')
})
