import { expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { partitions, type startNode, type Way } from './live-node.ts'
import { openClientOfNode } from './open-client-of-node.ts'
import { listen } from './stock-client.ts'

/** What every output of a follower promises to a stock tRPC client. */
export function testOutput(way: Way): void {
  const open = (options?: Parameters<typeof startNode>[1]) => openClientOfNode(way, options)

  test('events come once and in order, with dates and maps, and metadata', async () => {
    await using opened = await open()
    const { topic, client } = opened
    await topic.append(5)
    const heard = listen(client, 'follow')
    await eventually(() => expect(heard.isLive()).toBe(true))
    await topic.append(500)
    await eventually(() => expect(heard.numbers).toHaveLength(500))
    expectInOrder(heard.numbers)
    const [, event] = heard.told.filter(({ kind }) => kind !== 'checkpoint')
    expect(event).toMatchObject({
      kind: 'event',
      event: { type: 'noted', data: { n: 6, at: new Date(6) }, metadata: { by: new Map([['n', 6]]) } },
    })
    expect(heard.cursor).toMatch(/^1\.1\.[0-9a-z-]+$/)
    heard.end()
  })

  test('a state comes first, and after it what it does not show', async () => {
    await using opened = await open({
      readState: async () => ({ state: new Map([[1, 1]]), snapshot: '4:7:5', epoch: 1 }),
    })
    const { topic, client } = opened
    const heard = listen(client, 'count')
    await eventually(() => expect(heard.isLive()).toBe(true))
    await topic.append(9)
    await eventually(() => expect(heard.numbers.toSorted()).toEqual([5, 7, 8, 9]))
    expect(heard.told.find(({ kind }) => kind === 'state')).toEqual({ kind: 'state', state: new Map([[1, 1]]) })
    expect(heard.kinds).toEqual(['state', 'live', 'event'])
    heard.end()
  })

  test('subscriptions beside each other, on other channels, get their own, and queries are answered as ever', async () => {
    await using opened = await open()
    const { topic, client, node } = opened
    const heards = ['a', 'b', 'a'].map((channel) => listen(client, 'follow', { channel }))
    await eventually(() => expect(heards.every((heard) => heard.isLive())).toBe(true))
    for (let n = 0; n < 20; n++) await topic.append(1, { channels: [n % 2 === 0 ? 'a' : 'b'] })
    await eventually(() => expect(heards.map(({ numbers }) => numbers.length)).toEqual([10, 10, 10]))
    expect(heards.map(({ numbers }) => numbers.every((n) => n % 2 === 1))).toEqual([true, false, true])
    if (way !== 'sse') {
      expect(await client.trpc.look.query()).toEqual({ id: '1.1.0-0-0', data: { kind: 'event', at: new Date(5) } })
    }
    for (const heard of heards) heard.end()
    await eventually(() => expect(node.attached).toBe(0))
  })

  test('what is stopped gets nothing more, and is forgotten at once', async () => {
    await using opened = await open()
    const { topic, client, node } = opened
    const [stopped, goingOn] = [listen(client, 'follow'), listen(client, 'follow')]
    await eventually(() => expect(stopped.isLive() && goingOn.isLive()).toBe(true))
    stopped.end()
    await eventually(() => expect(node.attached).toBe(1))
    await topic.append(10)
    await eventually(() => expect(goingOn.numbers).toHaveLength(10))
    expect(stopped.numbers).toEqual([])
    goingOn.end()
    await eventually(() => expect(node.attached).toBe(0))
  })

  test.each([
    ['refused', 'FORBIDDEN'],
    ['missing', 'NOT_FOUND'],
  ] as const)('an error is told with its code (%s)', async (path, code) => {
    await using opened = await open()
    const heard = listen(opened.client, path)
    await eventually(() => expect(heard.errors).toEqual([code]))
    await eventually(() => expect(opened.node.attached).toBe(0))
  })

  test('a client whose connection is cut comes back by itself, and has each event once', async () => {
    await using opened = await open()
    const { topic, client, network } = opened
    const heard = listen(client, 'follow')
    await eventually(() => expect(heard.isLive()).toBe(true))
    const rounds = way === 'sse' ? 2 : 10
    for (let round = 1; round <= rounds; round++) {
      await topic.append(30)
      await eventually(() => expect(heard.numbers.length).toBeGreaterThan(round * 40 - 40))
      network.cut()
      await topic.append(10)
      await eventually(() => expect(heard.numbers).toHaveLength(round * 40))
    }
    expectInOrder(heard.numbers)
    expect(heard.kinds).not.toContain('resync')
    heard.end()
  })

  test('a client that takes nothing costs a bounded buffer, and has everything once it takes again', async () => {
    await using opened = await open({ maxRingBytes: 5_000_000 })
    const { topic, client, node, network, buffered } = opened
    const heard = listen(client, 'follow')
    await eventually(() => expect(heard.isLive()).toBe(true))
    network.stall(true)
    let most = 0
    for (let n = 0; n < 2_000; n++) {
      await topic.append(1, { text: 'x'.repeat(10_000) })
      if (n % 50 === 0) await new Promise((resolve) => setImmediate(resolve))
      most = Math.max(most, buffered())
    }
    await eventually(() => expect(node.hub.heads.reduce((sum, head) => sum + head)).toBe(2_000))
    expect(buffered()).toBeGreaterThan(10_000)
    expect(Math.max(most, buffered())).toBeLessThan(1_200_000)
    network.stall(false)
    await eventually(() => expect(heard.numbers).toHaveLength(2_000))
    expectInOrder(heard.numbers)
    expect(heard.kinds).not.toContain('resync')
    heard.end()
  })
}

/** Each once, and keys keep their order: each of the test's partitions is one key. */
export function expectInOrder(numbers: readonly number[]): void {
  expect(new Set(numbers).size, 'twice').toBe(numbers.length)
  for (let key = 0; key < partitions; key++) {
    const ofKey = numbers.filter((n) => n % partitions === key)
    expect(ofKey).toEqual(ofKey.toSorted((a, b) => a - b))
  }
}
