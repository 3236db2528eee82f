import type { CommittedEvent, Envelope, ResyncReason } from '@commitcast/events'
import {
  createSubscriptions,
  type EventOfTypes,
  type HubOptions,
  InvalidSubscription,
  type Subscriptions,
  startHub,
  type TrackedStream,
} from '@commitcast/live'
import { silentLogger } from '@commitcast/worker'
import { expect, expectTypeOf, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { createRandom, roundsOf } from '../fixtures/random.ts'
import { openTopic, partitions, type TestTopic } from './live-node.ts'

const catalogTypes = ['a', 'b', 'c'] as const
type TestEvent = {
  [T in (typeof catalogTypes)[number]]: CommittedEvent<T, { readonly n: number }> & {
    readonly metadata: { readonly of: T }
  }
}['a' | 'b' | 'c']
type TestSubscriptions = Subscriptions<TestEvent, unknown>

const everyone = { channels: () => ['all'], authorize: 'everyone' } as const

/** An API node: its hub, and what makes subscriptions of it. */
async function openNode(topic: TestTopic, limits: Partial<HubOptions> = {}) {
  const ending = new AbortController()
  const { signal } = ending
  const hub = await startHub({ topic: await topic.open(), signal, logger: silentLogger, ...limits })
  const shown = { snapshot: `${topic.made + 1}:${topic.made + 1}:`, epoch: 1 }
  const states = { read: async <T>(load: (trx: never) => Promise<T>) => ({ ...shown, state: await load({} as never) }) }
  const live: TestSubscriptions = createSubscriptions<TestEvent, unknown>({
    ...{ catalogTypes, sharedHub: async () => hub, states, logger: silentLogger },
  })
  return {
    hub,
    live,
    async [Symbol.asyncDispose]() {
      ending.abort()
      await hub.done
    },
  }
}

interface Told {
  readonly kinds: string[]
  readonly numbers: number[]
  readonly cursors: string[]
  readonly resyncs: ResyncReason[]
}

/** Follows in this process until `end` is called; `told` says what came. */
function follow<TEnvelope extends Envelope<TestEvent, unknown>>(
  resolve: (call: { ctx: unknown; input: unknown; signal: AbortSignal }) => TrackedStream<TEnvelope>,
  lastEventId?: string,
) {
  const ending = new AbortController()
  const told: Told = { kinds: [], numbers: [], cursors: [], resyncs: [] }
  const done = (async () => {
    for await (const [cursor, envelope] of resolve({ ctx: {}, input: { lastEventId }, signal: ending.signal })) {
      told.kinds.push(envelope.kind)
      told.cursors.push(String(cursor))
      if (envelope.kind === 'event') told.numbers.push(envelope.event.data.n)
      if (envelope.kind === 'resync') told.resyncs.push(envelope.reason)
    }
  })()
  return {
    told,
    done,
    async end() {
      ending.abort()
      await done
    },
  }
}

type Following = ReturnType<typeof follow>

const byPartition = (numbers: readonly number[]) =>
  Array.from({ length: partitions }, (_, partition) => numbers.filter((n) => n % partitions === partition))

test.each(roundsOf(6))(
  'of the named types each event once and in order, however it is split over reconnects, nodes, ring and log (round %i)',
  async () => {
    const random = createRandom()
    const topic = await openTopic()
    await using roomy = await openNode(topic)
    await using tight = await openNode(topic, { maxRingBytes: 5_000, prime: 2 })
    const types = random.pick<('a' | 'b' | 'c')[]>([['a'], ['b', 'c'], ['c']])
    const expected: number[] = []
    let isWritten = false
    const watch = async () => {
      const numbers: number[] = []
      let lastEventId: string | undefined = '1.1.0-0-0'
      while (!isWritten || numbers.length < expected.length) {
        const client: Following = follow(
          random.pick([roomy, tight]).live.subscription({ ...everyone, types }),
          lastEventId,
        )
        const patience = random.int(1, 25)
        await eventually(() =>
          expect(client.told.cursors.length >= patience || (isWritten && client.told.kinds.includes('live'))).toBe(
            true,
          ),
        )
        await client.end()
        expect(client.told.resyncs, `SEED=${random.seed}`).toEqual([])
        numbers.push(...client.told.numbers)
        lastEventId = client.told.cursors.at(-1) ?? lastEventId
      }
      return numbers
    }
    const clients = Array.from({ length: 4 }, watch)
    for (let n = 1; n <= 400; n++) {
      const type = random.pick(catalogTypes)
      if (types.includes(type)) expected.push(n)
      await topic.publish(n, { type })
      if (n % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 1))
    }
    isWritten = true
    for (const numbers of await Promise.all(clients)) {
      expect(byPartition(numbers), `SEED=${random.seed}`).toEqual(byPartition(expected))
    }
  },
)

test('a client that only events of other types pass gets a newer cursor, which can be continued', async () => {
  const topic = await openTopic()
  await using node = await openNode(topic, { maxRingBytes: 5_000, maxCatchUp: 1_000, prime: 0 })
  const quiet = follow(node.live.subscription({ ...everyone, types: ['b'] }))
  await eventually(() => expect(quiet.told.kinds).toEqual(['live']))
  for (let n = 1; n <= partitions * 1_500; n++) {
    await topic.publish(n, { type: 'a' })
    if (n % 300 === 0)
      await eventually(() => expect(Math.min(...node.hub.heads)).toBeGreaterThanOrEqual(n / partitions))
  }
  await eventually(() => expect(quiet.told.kinds.at(-1)).toBe('checkpoint'))
  await quiet.end()
  const old = follow(node.live.subscription({ ...everyone, types: ['b'] }), quiet.told.cursors[0])
  await eventually(() => expect(old.told.resyncs).toEqual(['retention']))
  const back = follow(node.live.subscription({ ...everyone, types: ['b'] }), quiet.told.cursors.at(-1))
  await topic.publish(partitions * 1_500 + 1, { type: 'b' })
  await eventually(() => expect(back.told.numbers).toEqual([partitions * 1_500 + 1]))
  expect(back.told.resyncs).toEqual([])
  await Promise.all([old.end(), back.end()])
})

test('with a state the events of the named types that it does not show', async () => {
  const topic = await openTopic()
  for (let n = 1; n <= 4; n++) await topic.publish(n, { type: 'a' })
  await using node = await openNode({ ...topic, made: 4 })
  const client = follow(node.live.subscription({ ...everyone, types: ['a'], state: async () => 'the state' }))
  await eventually(() => expect(client.told.kinds).toEqual(['state', 'live']))
  for (let n = 5; n <= 8; n++) await topic.publish(n, { type: n % 2 === 0 ? 'a' : 'b' })
  await eventually(() => expect(client.told.numbers.toSorted()).toEqual([6, 8]))
  await client.end()
})

test('an event of another type on a channel of revokedBy takes the permission away', async () => {
  const topic = await openTopic()
  await using node = await openNode(topic)
  let isAllowed = true
  const options = { channels: () => ['all'], authorize: () => isAllowed, revokedBy: () => ['access'] }
  const client = follow(node.live.subscription({ ...options, types: ['a'] }))
  await eventually(() => expect(client.told.kinds).toEqual(['live']))
  isAllowed = false
  await topic.publish(1, { type: 'b', channels: ['access'] })
  await expect(client.done).rejects.toMatchObject({ loss: 'revoked' })
})

test('an event that can not be read is sent where its type is named', async () => {
  const topic = await openTopic()
  await using node = await openNode(topic)
  const [all, some] = [undefined, ['a'] as const].map((types) =>
    follow(node.live.subscription(types ? { ...everyone, types } : everyone)),
  ) as [Following, Following]
  for (const { told } of [all, some]) await eventually(() => expect(told.kinds).toEqual(['live']))
  const body = '{"__proto__":1}'
  await topic.publish(3, { type: 'b', body })
  await topic.publish(6, { type: 'a', body })
  await topic.publish(9, { type: 'a' })
  await eventually(() => expect(all.told.kinds).toEqual(['live', 'unreadable', 'unreadable', 'event']))
  await eventually(() => expect(some.told.kinds).toEqual(['live', 'unreadable', 'event']))
  await Promise.all([all.end(), some.end()])
})

test.each<[string, object, string]>([
  ['no authorize', { channels: () => [] }, `"authorize" is missing`],
  ['authorize: true', { ...everyone, authorize: true }, `"authorize" is true`],
  ['no channels', { authorize: 'everyone' }, `"channels" is undefined`],
  ['revokedBy for everyone', { ...everyone, revokedBy: () => [] }, `"revokedBy" has no effect`],
  ['a state that is no function', { ...everyone, state: {} }, `"state" is [object Object]`],
  ['no types', { ...everyone, types: [] }, `"types" names no event type`],
  ['types that are a text', { ...everyone, types: 'a' }, `"types" names no event type`],
  [
    'a misspelt type',
    { ...everyone, types: ['a', 'order.plced'] },
    `"order.plced" in "types" is not in the catalogue (a, b, c)`,
  ],
])('%s is refused where the subscription is defined', async (_, options, message) => {
  await using node = await openNode(await openTopic())
  const define = () => node.live.subscription(options as never)
  expect(define).toThrow(InvalidSubscription)
  expect(define).toThrow(message)
})

test('types follow from the options', () => {
  type EventIn<T> =
    T extends TrackedStream<infer E> ? (Extract<E, { kind: 'event' }> extends { event: infer V } ? V : never) : never
  type StateIn<T> =
    T extends TrackedStream<infer E> ? (Extract<E, { kind: 'state' }> extends { state: infer V } ? V : never) : never
  const check = (live: TestSubscriptions) => {
    const all = live.subscription(everyone)
    expectTypeOf<EventIn<ReturnType<typeof all>>>().toEqualTypeOf<TestEvent>()
    expectTypeOf<StateIn<ReturnType<typeof all>>>().toEqualTypeOf<never>()
    const one = live.subscription({ ...everyone, types: ['a'], state: async () => 7 })
    expectTypeOf<EventIn<ReturnType<typeof one>>>().toEqualTypeOf<Extract<TestEvent, { type: 'a' }>>()
    expectTypeOf<StateIn<ReturnType<typeof one>>>().toEqualTypeOf<number>()
    const two = live.subscription({ ...everyone, types: ['a', 'c'] })
    expectTypeOf<EventIn<ReturnType<typeof two>>['type']>().toEqualTypeOf<'a' | 'c'>()
    expectTypeOf<EventIn<ReturnType<typeof two>>['metadata']['of']>().toEqualTypeOf<'a' | 'c'>()
    // @ts-expect-error: no event type is called so.
    live.subscription({ ...everyone, types: ['a', 'order.plced'] })
    // @ts-expect-error: authorize has to say who may.
    live.subscription({ channels: () => ['all'], state: async ({ trx }) => trx })
    // @ts-expect-error: a function decides, or 'everyone'.
    live.subscription({ channels: () => ['all'], authorize: true })
    expectTypeOf<EventOfTypes<CommittedEvent, 'a'>>().toEqualTypeOf<CommittedEvent>()
  }
  expectTypeOf(check).toBeFunction()
})
