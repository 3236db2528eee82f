import type { Hint } from '@commitcast/events'
import { describe, expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { createRandom } from '../fixtures/random.ts'
import { type LiveNode, openTopic, startNode, type Way } from './live-node.ts'
import { openClientOfNode } from './open-client-of-node.ts'
import { expectInOrder } from './output-contract.ts'
import { listen, openStockClient } from './stock-client.ts'

const at = new Date(7)
const typing = (channel = 'all', text = 'x') => ({ channel, type: 'typing', sender: 'ann', data: { at, text } })
const sendTo = (node: LiveNode, hint = typing()) => node.hints!.send(hint)
const hintsOf = ({ told }: ReturnType<typeof listen>): Hint[] =>
  told.flatMap((envelope) => (envelope.kind === 'hint' ? [envelope.hint as Hint] : []))
const textsOf = (heard: ReturnType<typeof listen>) => hintsOf(heard).map(({ data }) => (data as { text: string }).text)

/** Sends until each has heard one: before, nobody may be listening. */
async function introduce(node: LiveNode, ...heards: ReturnType<typeof listen>[]) {
  await eventually(async () => {
    await sendTo(node, typing('all', 'hello'))
    for (const heard of heards) expect(textsOf(heard)).toContain('hello')
  })
}

describe.each(['frames', 'yielded', 'plain', 'sse'] as const)('to stock clients (%s)', (way: Way) => {
  test('a hint comes as what it is, on every node, to who follows its channel and to nobody else', async () => {
    await using opened = await openClientOfNode(way)
    const { topic, node, client } = opened
    await using other = await startNode(topic, { way })
    const elsewhere = openStockClient(way, () => other.url)
    const heards = [listen(client, 'follow'), listen(elsewhere, 'count'), listen(client, 'follow', { channel: 'b' })]
    const [here, there, aside] = heards as [Heard, Heard, Heard]
    await introduce(node, here, there)
    expect(await sendTo(other, typing('all', 'hi'))).toBe(true)
    await eventually(() => expect([here, there].map((heard) => textsOf(heard).at(-1))).toEqual(['hi', 'hi']))
    expect(hintsOf(here).at(-1)).toEqual({
      id: expect.stringMatching(/^[\w-]{36}$/),
      channel: 'all',
      type: 'typing',
      sender: 'ann',
      data: { at, text: 'hi' },
    })
    await sendTo(node, typing('b', 'bee'))
    await eventually(() => expect(textsOf(aside)).toEqual(['bee']))
    expect(textsOf(here)).not.toContain('bee')
    for (const heard of heards) heard.end()
    await elsewhere.close()
  })

  test("a hint's cursor is the place that its client has come to: nothing is skipped, nothing comes again", async () => {
    await using opened = await openClientOfNode(way, {
      readState: async () => ({ state: 'four', snapshot: '5:5:', epoch: 1 }),
    })
    const { topic, node, client } = opened
    await topic.append(4)
    const heard = listen(client, 'count')
    await introduce(node, heard)
    await topic.append(2)
    await eventually(() => expect(heard.numbers.toSorted()).toEqual([5, 6]))
    await eventually(async () => {
      await sendTo(node, typing('all', 'last'))
      expect(heard.told.at(-1)).toMatchObject({ kind: 'hint', hint: { data: { text: 'last' } } })
    })
    const cursor = heard.cursor
    heard.end()
    expect(cursor).toMatch(/^1\.1\.\S+~[\w-]{36}$/)
    await topic.append(3)
    const again = listen(client, 'count', { lastEventId: cursor })
    await eventually(() => expect(again.numbers.toSorted()).toEqual([7, 8, 9]))
    expect(again.kinds).not.toContain('state')
    expect(again.kinds).not.toContain('resync')
    again.end()
  })

  test('hints before the state is there are left out: a client that drops then must still get it', async () => {
    const reading = Promise.withResolvers<void>()
    await using opened = await openClientOfNode(way, {
      async readState() {
        await reading.promise
        return { state: 'late', snapshot: '1:1:', epoch: 1 }
      },
    })
    const { node, client } = opened
    const early = listen(client, 'follow')
    const heard = listen(client, 'count')
    await introduce(node, early)
    expect(heard.told.filter(({ kind }) => kind !== 'checkpoint')).toEqual([])
    reading.resolve()
    await introduce(node, heard)
    expect(heard.kinds[0]).toBe('state')
    heard.end()
    early.end()
  })

  test('amid hints and cut connections each event comes once and in order', async () => {
    await using opened = await openClientOfNode(way)
    const { topic, node, network, client } = opened
    const heard = listen(client, 'follow')
    await introduce(node, heard)
    const rounds = way === 'sse' ? 2 : 6
    const random = createRandom()
    for (let round = 1; round <= rounds; round++) {
      for (let n = 0; n < 30; n++) {
        if (random.int(0, 2) === 0) await sendTo(node)
        else await topic.append(1)
      }
      if (random.int(0, 1)) await eventually(() => expect(heard.numbers).toHaveLength(topic.made))
      network.cut()
      await topic.append(2)
      await eventually(() => expect(heard.numbers, `SEED=${random.seed}`).toHaveLength(topic.made))
    }
    expectInOrder(heard.numbers)
    expect(heard.kinds).not.toContain('resync')
    expect(heard.errors).toEqual([])
    expect(hintsOf(heard).length).toBeGreaterThan(0)
    heard.end()
  })
})

type Heard = ReturnType<typeof listen>

test.each(['frames', 'yielded', 'sse'] as const)(
  'a client that takes nothing is spared hints, and gets every event (%s)',
  async (way) => {
    await using opened = await openClientOfNode(way)
    const { topic, node, network, client, buffered } = opened
    const heard = listen(client, 'follow')
    await introduce(node, heard)
    network.stall(true)
    let most = 0
    for (let n = 0; n < 1_500; n++) {
      await sendTo(node, typing('all', 'x'.repeat(6_000)))
      if (n % 10 === 0) await topic.append(1)
      if (n % 50 === 0) await new Promise((resolve) => setImmediate(resolve))
      most = Math.max(most, buffered())
    }
    expect(most).toBeGreaterThan(10_000)
    expect(most).toBeLessThan(1_200_000)
    network.stall(false)
    await eventually(() => expect(heard.numbers).toHaveLength(150))
    expectInOrder(heard.numbers)
    expect(hintsOf(heard).length).toBeLessThan(1_400)
    heard.end()
  },
)

test.each(['frames', 'yielded', 'plain'] as const)(
  "hints swallow nothing where tRPC moves clients from one node to another, and clients are told that they're live (%s)",
  async (way) => {
    const topic = await openTopic()
    await using first = await startNode(topic, { way })
    await using second = await startNode(topic, { way })
    let target = first
    const client = openStockClient(way, () => target.url)
    const heard = listen(client, 'follow')
    await introduce(first, heard)
    for (let move = 1; move <= 6; move++) {
      const from = target
      target = from === first ? second : first
      const lives = heard.told.filter(({ kind }) => kind === 'live').length
      from.handler.broadcastReconnectNotification()
      await eventually(async () => {
        await sendTo(from)
        expect([from.attached, target.attached]).toEqual([0, 1])
      })
      // Events only between moves: without `liveSockets` nothing keeps two nodes from putting them in different orders.
      await eventually(() => expect(heard.told.filter(({ kind }) => kind === 'live').length).toBe(lives + 1))
      await topic.append(5)
      await eventually(() => expect(heard.numbers).toHaveLength(topic.made))
    }
    expectInOrder(heard.numbers)
    heard.end()
    await client.close()
  },
)

test('a node goes without hints that are none of its own, and says what can not be sent', async () => {
  const topic = await openTopic()
  await using node = await startNode(topic)
  const client = openStockClient('frames', () => node.url)
  const heard = listen(client, 'follow')
  await introduce(node, heard)
  const foreign = { id: 'x', channel: 'all', type: 'newer', sender: 'ann', json: {} }
  for (const text of [
    '',
    'nonsense',
    '{}',
    'null',
    JSON.stringify(foreign),
    JSON.stringify({ ...foreign, id: 'a b' }),
  ]) {
    await topic.hints.send('test-hints', text)
  }
  await sendTo(node, typing('all', 'own'))
  await eventually(() => expect(textsOf(heard).at(-1)).toBe('own'))
  expect(new Set(textsOf(heard))).toEqual(new Set(['hello', 'own']))
  expect(heard.errors).toEqual([])
  await expect(sendTo(node, { ...typing(), type: 'shouting' })).rejects.toThrow(/"shouting" is not in the catalogue/)
  await expect(node.hints!.send({ ...typing(), data: { at: 'now' } })).rejects.toThrow(/data\.at/)
  await expect(sendTo(node, typing('all', 'x'.repeat(8_000)))).rejects.toMatchObject({ code: 'HINT_TOO_LARGE' })
  heard.end()
  await client.close()
})
