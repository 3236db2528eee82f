import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Envelope, LiveEvent } from '@commitcast/events'
import { createSubscriptions, eventsEndpoint } from '@commitcast/live'
import { silentLogger } from '@commitcast/worker'
import { TRPCError } from '@trpc/server'
import { expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { openNetwork } from '../fixtures/network.ts'
import { openTopic, startNode } from './live-node.ts'
import { expectInOrder } from './output-contract.ts'

/** A node's events at a plain endpoint; `/refused` to nobody, `/unknown` to whom it does not know. */
async function open() {
  const topic = await openTopic()
  const node = await startNode(topic, { maxRingBytes: 5_000_000 })
  const states = { read: () => Promise.reject(new Error('no state here')) }
  const live = createSubscriptions<LiveEvent, unknown>({
    sharedHub: async () => node.hub,
    states,
    logger: silentLogger,
  })
  const endpoint = eventsEndpoint(
    live.subscription<string, undefined>({ channels: () => ['all'], authorize: ({ ctx }) => ctx !== '/refused' }),
    {
      input: () => undefined,
      ctx({ url = '' }) {
        if (url === '/unknown') throw new TRPCError({ code: 'UNAUTHORIZED', message: 'Sign in first.' })
        return url
      },
    },
  )
  let most = 0
  const http = createServer((request, response) => {
    endpoint(request, response)
    const write = response.write
    response.write = function (this: typeof response, ...args: unknown[]) {
      const hasRoom = Reflect.apply(write, this, args)
      most = Math.max(most, this.writableLength)
      return hasRoom
    } as typeof write
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const network = await openNetwork(() => (http.address() as AddressInfo).port)
  return {
    topic,
    node,
    network,
    url: network.url.replace('/trpc', ''),
    mostBuffered: () => most,
    async [Symbol.asyncDispose]() {
      http.close()
      http.closeAllConnections()
      await network[Symbol.asyncDispose]()
      await node[Symbol.asyncDispose]()
    },
  }
}

/** As `curl -N` does: notes the text as it comes. */
async function read(url: string, headers: Record<string, string> = {}) {
  const leaving = new AbortController()
  const response = await fetch(url, { headers, signal: leaving.signal })
  const heard = { response, text: '', leave: () => leaving.abort() }
  const readAll = async () => {
    for await (const text of response.body!.pipeThrough(new TextDecoderStream())) heard.text += text
  }
  readAll().catch(() => {})
  return heard
}

const numbersIn = (text: string) => [...text.matchAll(/"n":(\d+)/g)].map(([, n]) => Number(n))

test('curl reads names, cursors and plain JSON, and goes on by Last-Event-ID or lastEventId', async () => {
  await using opened = await open()
  const { topic, node, url } = opened
  const first = await read(url)
  expect(first.response.status).toBe(200)
  expect(first.response.headers.get('content-type')).toMatch('text/event-stream')
  expect(first.response.headers.get('x-accel-buffering')).toBe('no')
  await eventually(() => expect(first.text).toMatch(/^retry: \d+\n\nid: \S+\nevent: live\ndata: {}\n\n$/))
  await topic.append(1)
  await eventually(() => expect(first.text).toContain('event: noted\ndata: {'))
  expect(first.text).toContain('"at":"1970-01-01T00:00:00.001Z"')
  const cursor = first.text.match(/id: (\S+)\nevent: noted/)![1]!
  first.leave()
  await eventually(() => expect(node.attached).toBe(0))
  await topic.append(2)
  const byHeader = await read(`${url}/?lastEventId=1.1.0-0-0`, { 'last-event-id': cursor })
  const byUrl = await read(`${url}/?lastEventId=${cursor}`)
  for (const heard of [byHeader, byUrl]) {
    await eventually(() => expect(heard.text).toContain('event: live'))
    expect(numbersIn(heard.text).toSorted()).toEqual([2, 3])
    heard.leave()
  }
  const foreign = await read(url, { 'last-event-id': 'nonsense' })
  await eventually(() => expect(foreign.text).toContain('event: resync\ndata: {"reason":"cursor"}'))
  foreign.leave()
})

test('a refusal is a status and a sentence', async () => {
  await using opened = await open()
  const answer = async (path: string, init?: RequestInit) => {
    const response = await fetch(`${opened.url}${path}`, init)
    return [response.status, (await response.text()).split('.')[0]]
  }
  expect(await answer('/refused')).toEqual([403, 'You may not follow this'])
  expect(await answer('/unknown')).toEqual([401, 'Sign in first'])
  expect(await answer('/?token=abc')).toEqual([400, 'The URL carries a token, and URLs end up in logs'])
  expect(await answer('/', { method: 'POST' })).toEqual([405, 'Read this stream with GET'])
  await eventually(() => expect(opened.node.attached).toBe(0))
})

test('an EventSource that is cut off comes back by itself, and has each event once', async () => {
  await using opened = await open()
  const { topic, network, url } = opened
  const numbers: number[] = []
  const names: Envelope['kind'][] = []
  const source = new EventSource(url)
  source.addEventListener('noted', (message) => numbers.push(JSON.parse((message as MessageEvent).data).data.n))
  for (const kind of ['live', 'resync'] as const) source.addEventListener(kind, () => names.push(kind))
  await eventually(() => expect(names).toEqual(['live']))
  await topic.append(30)
  await eventually(() => expect(numbers.length).toBeGreaterThan(0))
  network.cut()
  await topic.append(10)
  await eventually(() => expect(numbers).toHaveLength(40))
  expectInOrder(numbers)
  expect(names).not.toContain('resync')
  source.close()
})

test('a client that takes nothing is waited for, and has everything once it takes again', async () => {
  await using opened = await open()
  const { topic, node, network, url } = opened
  const heard = await read(url)
  await eventually(() => expect(heard.text).toContain('event: live'))
  network.stall(true)
  for (let n = 0; n < 1_500; n++) {
    await topic.append(1, { text: 'x'.repeat(10_000) })
    if (n % 50 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  await eventually(() => expect(node.hub.heads.reduce((sum, head) => sum + head)).toBe(1_500))
  network.stall(false)
  await eventually(() => expect(numbersIn(heard.text)).toHaveLength(1_500))
  expectInOrder(numbersIn(heard.text))
  expect(opened.mostBuffered()).toBeGreaterThan(10_000)
  expect(opened.mostBuffered()).toBeLessThan(200_000)
  heard.leave()
})
