import { follow, type LiveProcedure } from '@commitcast/client'
import { createTRPCClient, createWSClient, httpSubscriptionLink, wsLink } from '@trpc/client'
import type { AnyTRPCRouter } from '@trpc/server'
import superjson from 'superjson'
import { describe, expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { allShapes, type Shape, type ShapeWay, shapes, startShapesNode } from './input-shapes.ts'

type Node = Awaited<ReturnType<typeof startShapesNode>>
type Procedure = LiveProcedure & {
  subscribe(input: unknown, callbacks: object): { unsubscribe(): void }
}

/** What one subscription came to. */
interface Heard {
  readonly name: string
  readonly shape: Shape
  readonly numbers: number[]
  readonly errors: string[]
  isLive: boolean
  wasResynced: boolean
  end(): void
}

function openClient(way: ShapeWay, node: Node) {
  if (way === 'sse') {
    const link = httpSubscriptionLink<AnyTRPCRouter, typeof EventSource>({
      url: `${node.url}/trpc`,
      transformer: superjson,
    })
    return { trpc: createTRPCClient<AnyTRPCRouter>({ links: [link] }), close: async () => {} }
  }
  const client = createWSClient({ url: `${node.url.replace('http', 'ws')}/trpc`, retryDelayMs: () => 5 })
  const trpc = createTRPCClient<AnyTRPCRouter>({ links: [wsLink({ client, transformer: superjson })] })
  return { trpc, close: () => client.close() }
}

interface Told {
  readonly kind: string
  readonly event?: { readonly data: { readonly n: number } }
}

function note(heard: Heard, { kind, event }: Told): void {
  if (kind === 'live') heard.isLive = true
  if (kind === 'resync') heard.wasResynced = true
  if (event) heard.numbers.push(event.data.n)
}

/** Subscribes with tRPC's own client, or with `follow`. */
function listen(who: 'stock' | 'ours', trpc: object, name: string, shape: Shape): Heard {
  const heard: Heard = { name, shape, numbers: [], errors: [], isLive: false, wasResynced: false, end: () => {} }
  const procedure = (trpc as Record<string, Procedure>)[name]!
  const [, input] = shapes[shape]
  if (who === 'ours') {
    heard.end = follow<LiveProcedure>(procedure, input as never, {
      onEvent: (event) => note(heard, { kind: 'event', event: event as Told['event'] & object }),
      onResync: () => note(heard, { kind: 'resync' }),
      onStatus: (kind) => note(heard, { kind }),
      onError: (error) => heard.errors.push(String(error)),
    })
    return heard
  }
  const subscription = procedure.subscribe(input, {
    onData: ({ data }: { data: Told }) => note(heard, data),
    onError: (error: unknown) => heard.errors.push(String(error)),
  })
  heard.end = () => subscription.unsubscribe()
  return heard
}

/** All inputs that a plain object is not made of; tRPC has no place for a cursor there. */
const withoutPlace = new Set<Shape>([
  'text',
  'number',
  'bigint',
  'boolean',
  'array',
  'emptyArray',
  'tuple',
  'date',
  'map',
  'set',
  'ownField',
])

describe.each([
  { way: 'frames', who: 'stock', suffix: '' },
  { way: 'frames', who: 'ours', suffix: '' },
  { way: 'frames', who: 'stock', suffix: 'WithCursors' },
  { way: 'frames', who: 'ours', suffix: 'WithCursors' },
  { way: 'plain', who: 'stock', suffix: 'WithCursors' },
  { way: 'plain', who: 'ours', suffix: 'WithCursors' },
  { way: 'sse', who: 'stock', suffix: 'WithCursors' },
  { way: 'sse', who: 'ours', suffix: 'WithCursors' },
] as const)('$way, client: $who, procedure$suffix', ({ way, who, suffix }) => {
  const isRefused = (shape: Shape) => who === 'stock' && way !== 'frames' && withoutPlace.has(shape)

  test('after a reconnect nothing is lost, repeated or refused, whatever shape the input has; its resolver gets the same', async () => {
    await using node = await startShapesNode(way)
    const client = openClient(way, node)
    const heards = allShapes.map((shape) => listen(who, client.trpc, `${shape}${suffix}`, shape))
    const followed = heards.filter(({ shape }) => !isRefused(shape))
    await eventually(() => expect(followed.filter(({ isLive }) => !isLive).map(({ name }) => name)).toEqual([]))
    await node.topic.append(20)
    await eventually(() => expect(followed.every(({ numbers }) => numbers.length === 20)).toBe(true))
    for (let round = 1; round <= 2; round++) {
      node.cut()
      await node.topic.append(10)
      await eventually(() => {
        for (const { name, numbers } of followed) expect([name, numbers.length]).toEqual([name, 20 + round * 10])
      })
    }
    for (const { name, shape, numbers, wasResynced, errors } of followed) {
      expect([name, numbers.toSorted((a, b) => a - b)]).toEqual([name, Array.from({ length: 40 }, (_, n) => n + 1)])
      expect([name, wasResynced]).toEqual([name, false])
      if (who === 'ours') expect([name, errors]).toEqual([name, []])
      const inputs = node.inputs.get(name)!
      expect([name, inputs.length >= 3]).toEqual([name, true])
      for (const input of inputs) expect([name, input]).toEqual([name, shapes[shape][1]])
    }
    for (const heard of heards) heard.end()
    await client.close()
  })

  if (who === 'stock' && way !== 'frames')
    test('where no cursor can come back, the first subscription is refused, and the fix is named', async () => {
      await using node = await startShapesNode(way)
      const client = openClient(way, node)
      const heards = [...withoutPlace].map((shape) => listen(who, client.trpc, `${shape}${suffix}`, shape))
      await eventually(() => {
        for (const { name, errors } of heards) {
          expect([name, errors[0]]).toEqual([
            name,
            expect.stringMatching(/would lose events.*"follow" or "useLiveQuery"/),
          ])
        }
      })
      expect(heards.flatMap(({ numbers }) => numbers)).toEqual([])
      for (const heard of heards) heard.end()
      await client.close()
    })
})

test.each(['plain', 'sse'] as const)(
  "without cursors, %s refuses the first subscription where a reconnect would fail, to tRPC's client and ours",
  async (way) => {
    await using node = await startShapesNode(way)
    const client = openClient(way, node)
    const stock = [...withoutPlace]
      .filter((shape) => shape !== 'ownField')
      .concat('nullish')
      .map((shape) => listen('stock', client.trpc, shape, shape))
    const ours = allShapes
      .filter((shape) => shape !== 'object')
      .map((shape) => listen('ours', client.trpc, shape, shape))
    await eventually(() => {
      for (const { name, errors } of [...stock, ...ours]) expect([name, errors.length]).toEqual([name, 1])
    })
    for (const { name, errors } of stock)
      expect([name, errors[0]]).toEqual([name, expect.stringMatching('concat\\(cursors\\)')])
    for (const heard of [...stock, ...ours]) heard.end()
    await client.close()
  },
)

test.each(['frames', 'plain', 'sse'] as const)(
  'without an input and without cursors nothing is lost either (%s)',
  async (way) => {
    await using node = await startShapesNode(way)
    const client = openClient(way, node)
    const heards = (['stock', 'ours'] as const).map((who) => listen(who, client.trpc, 'nothing', 'void'))
    await eventually(() => expect(heards.every(({ isLive }) => isLive)).toBe(true))
    await node.topic.append(10)
    await eventually(() => expect(heards.every(({ numbers }) => numbers.length === 10)).toBe(true))
    node.cut()
    await node.topic.append(10)
    await eventually(() => expect(heards.map(({ numbers }) => numbers.length)).toEqual([20, 20]))
    for (const heard of heards) heard.end()
    await client.close()
  },
)

test('an EventSource loses nothing, whatever shape the endpoint makes of its URL', async () => {
  await using node = await startShapesNode('sse')
  const sources = allShapes.map((shape) => {
    const source = new EventSource(`${node.url}/events/${shape}`)
    const heard: Heard = {
      name: shape,
      shape,
      numbers: [],
      errors: [],
      isLive: false,
      wasResynced: false,
      end: () => source.close(),
    }
    source.addEventListener('live', () => note(heard, { kind: 'live' }))
    source.addEventListener('resync', () => note(heard, { kind: 'resync' }))
    source.addEventListener('noted', (message) => {
      note(heard, { kind: 'event', event: JSON.parse((message as MessageEvent).data) })
    })
    return heard
  })
  await eventually(() => expect(sources.every(({ isLive }) => isLive)).toBe(true))
  await node.topic.append(10)
  await eventually(() => expect(sources.every(({ numbers }) => numbers.length === 10)).toBe(true))
  node.cut()
  await node.topic.append(10)
  await eventually(() => {
    for (const { name, numbers } of sources) expect([name, numbers.length]).toEqual([name, 20])
  })
  expect(sources.filter(({ wasResynced }) => wasResynced)).toEqual([])
  for (const { name, shape } of sources) {
    for (const input of node.inputs.get(`${name} by EventSource`)!)
      expect([name, input]).toEqual([name, shapes[shape][1]])
  }
  for (const source of sources) source.end()
})
