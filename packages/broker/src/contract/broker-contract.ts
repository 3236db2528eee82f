import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Broker, Message, Topic } from '../broker.ts'
import { AppendConflict } from '../errors.ts'

/** What the suite needs of an adapter under test. */
export interface BrokerUnderTest {
  /** Opens a broker on the same server; called several times. The suite closes what it opens. */
  open(): Promise<Broker> | Broker
  /** Kills the server and starts it again with its data. Left out where nothing outlives the process. */
  readonly restart?: () => Promise<void>
}

/** The promises of the broker port as tests. `start` gives the adapter on a real server, `name` heads the report. */
export function testBroker(name: string, start: () => Promise<BrokerUnderTest> | BrokerUnderTest): void {
  describe(`the ${name} broker`, () => {
    let subject: BrokerUnderTest
    let broker: Broker
    let topics = 0

    beforeAll(async () => {
      subject = await start()
      broker = await subject.open()
    })
    afterAll(async () => {
      await broker?.close()
    })

    const freshTopic = (partitions = 1): Promise<Topic> =>
      broker.topic({ name: `contract${process.pid}-${++topics}`, epoch: 1, partitions })

    test('an empty partition has no last message and starts at offset 1', async () => {
      const topic = await freshTopic()
      expect(await topic.last(0)).toBeUndefined()
      expect(await topic.first(0)).toBe(1)
    })

    test('what is appended is read back whole, in order, from any offset', async () => {
      const topic = await freshTopic()
      const sent = makeMessages(1, 25)
      await topic.append(0, 0, sent.slice(0, 10))
      await topic.append(0, 10, sent.slice(10))
      expect(await readUntil(topic, 0, 0, 25)).toEqual(sent)
      expect(await readUntil(topic, 0, 17, 25)).toEqual(sent.slice(17))
      expect(await topic.last(0)).toEqual({ offset: 25, id: sent[24]?.id })
    })

    test('keys, headers and bodies survive whatever characters they hold', async () => {
      const topic = await freshTopic()
      const texts = [
        'ä ö 日本 🚀',
        'a%20b',
        'line\nbreak\r\n',
        ': colon : ',
        '"quoted\\"',
        ' spaces ',
        'tab\t',
        '%',
        '',
        'x: y\r\nz: 1',
      ]
      const sent = texts.map((text, index) => ({
        ...makeMessage(index + 1),
        key: text || 'empty',
        headers: { actor: text || 'nobody', notes: JSON.stringify({ text }) },
        body: JSON.stringify({ text }),
      }))
      await topic.append(0, 0, sent)
      expect(await readUntil(topic, 0, 0, sent.length)).toEqual(sent)
    })

    test('an append at any other place than the end is a conflict and changes nothing that is stored', async () => {
      const topic = await freshTopic()
      const sent = makeMessages(1, 5)
      await topic.append(0, 0, sent)
      await expect(topic.append(0, 9, makeMessages(10, 4))).rejects.toBeInstanceOf(AppendConflict)
      expect((await topic.last(0))?.offset).toBe(5)
      await expect(topic.append(0, 1, makeMessages(2, 4))).rejects.toBeInstanceOf(AppendConflict)
      await expect(topic.append(0, 3, makeMessages(4, 4))).rejects.toBeInstanceOf(AppendConflict)
      expect(await readUntil(topic, 0, 0, 5).then((read) => read.slice(0, 5))).toEqual(sent)
    })

    test('of two writers of the same messages at most one is told that it stored them, and each is stored once', async () => {
      const topic = await freshTopic()
      const rival = await reopened(subject, topic)
      const sent = makeMessages(1, 50)
      const results = await Promise.allSettled([topic.append(0, 0, sent), rival.topic.append(0, 0, sent)])
      await rival.close()
      expect(results.filter((result) => result.status === 'fulfilled').length).toBeLessThanOrEqual(1)
      const end = (await topic.last(0))?.offset ?? 0
      await topic.append(0, end, sent.slice(end))
      expect(await readUntil(topic, 0, 0, 50)).toEqual(sent)
    })

    test('chunks may be sent ahead: each is stored only if the one before it is', async () => {
      const topic = await freshTopic()
      const sent = makeMessages(1, 40)
      const chunks = [0, 10, 20, 30].map((after) => topic.append(0, after, sent.slice(after, after + 10)))
      await Promise.all(chunks)
      const broken = [40, 60, 70].map((after) => topic.append(0, after, makeMessages(after + 1, 10)))
      const results = await Promise.allSettled(broken)
      expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'rejected'])
      expect((await topic.last(0))?.offset).toBe(50)
    })

    test('a message whose offset is not its place is refused before anything is sent', async () => {
      const topic = await freshTopic()
      await expect(topic.append(0, 0, makeMessages(2, 1))).rejects.toThrow(/offset 2, its place is 1/)
      expect(await topic.last(0)).toBeUndefined()
    })

    test('a reader goes from history into the live tail without a gap', async () => {
      const topic = await freshTopic()
      await topic.append(0, 0, makeMessages(1, 100))
      const reading = readUntil(topic, 0, 0, 400)
      for (let after = 100; after < 400; after += 30) await topic.append(0, after, makeMessages(after + 1, 30))
      expect((await reading).map((message) => message.offset)).toEqual(range(1, 400))
    })

    test('a batch holds at most maxBatch messages', async () => {
      const topic = await freshTopic()
      await topic.append(0, 0, makeMessages(1, 100))
      let seen = 0
      for await (const batch of topic.read(0, 0, { signal: AbortSignal.timeout(10_000), maxBatch: 7 })) {
        expect(batch.length).toBeLessThanOrEqual(7)
        seen += batch.length
        if (seen === 100) break
      }
      expect(seen).toBe(100)
    })

    test('a slow reader holds nobody up and misses nothing', async () => {
      const topic = await freshTopic()
      const slow = topic.read(0, 0, { signal: AbortSignal.timeout(20_000), maxBatch: 10 })[Symbol.asyncIterator]()
      await topic.append(0, 0, makeMessages(1, 10))
      const first = await slow.next()
      for (let after = 10; after < 3_010; after += 500) await topic.append(0, after, makeMessages(after + 1, 500))
      expect((await readUntil(topic, 0, 0, 3_010)).length).toBe(3_010)
      const offsets = [...(first.value as readonly Message[])].map((message) => message.offset)
      while (offsets.length < 3_010) offsets.push(...((await slow.next()).value as Message[]).map((m) => m.offset))
      await slow.return?.()
      expect(offsets).toEqual(range(1, 3_010))
    })

    test('an aborted read ends, also while it waits for more', async () => {
      const topic = await freshTopic()
      const stopping = new AbortController()
      const reading = collect(topic.read(0, 0, { signal: stopping.signal }))
      await topic.append(0, 0, makeMessages(1, 1))
      stopping.abort()
      expect((await reading).length).toBeLessThanOrEqual(1)
    })

    test('partitions and epochs are logs of their own', async () => {
      const topic = await freshTopic(3)
      const next = await broker.topic({ name: topic.name, epoch: 2, partitions: 3 })
      await topic.append(0, 0, makeMessages(1, 2))
      await topic.append(2, 0, makeMessages(1, 3))
      expect(await Promise.all([0, 1, 2].map(async (p) => (await topic.last(p))?.offset))).toEqual([2, undefined, 3])
      expect(await next.last(0)).toBeUndefined()
    })

    test('opening a topic again finds what is there', async () => {
      const topic = await freshTopic(2)
      await topic.append(1, 0, makeMessages(1, 4))
      const again = await broker.topic({ name: topic.name, epoch: 1, partitions: 2 })
      expect((await again.last(1))?.offset).toBe(4)
    })

    test('a partition that the topic does not have is refused', async () => {
      const topic = await freshTopic(2)
      await expect(topic.last(2)).rejects.toThrow(/0 to 1, not 2/)
    })

    test('a killed and restarted server keeps what it acknowledged, and readers and writers go on', async (context) => {
      if (!subject.restart) return context.skip('nothing of this broker outlives the process')
      const topic = await freshTopic()
      await topic.append(0, 0, makeMessages(1, 200))
      const reading = readUntil(topic, 0, 0, 400, 60_000)
      await subject.restart()
      await eventually(async () => expect((await topic.last(0))?.offset).toBe(200))
      for (let after = 200; after < 400; after += 50) await topic.append(0, after, makeMessages(after + 1, 50))
      expect((await reading).map((message) => message.offset)).toEqual(range(1, 400))
    })

    test('a closed broker refuses work and ends its reads', async () => {
      const other = await subject.open()
      const topic = await other.topic({ name: `closing${process.pid}`, epoch: 1, partitions: 1 })
      const reading = collect(topic.read(0, 0, { signal: AbortSignal.timeout(20_000) }))
      await other.close()
      await other.close()
      await reading
      await expect(topic.append(0, 0, makeMessages(1, 1))).rejects.toThrow()
    })
  })
}

async function reopened(subject: BrokerUnderTest, topic: Topic) {
  const broker = await subject.open()
  const { name, epoch, partitions } = topic
  return { topic: await broker.topic({ name, epoch, partitions }), close: () => broker.close() }
}

function makeMessages(first: number, count: number): Message[] {
  return range(first, first + count - 1).map(makeMessage)
}

function makeMessage(offset: number): Message {
  return {
    offset,
    id: crypto.randomUUID(),
    type: 'thing.happened',
    key: `key-${offset % 3}`,
    time: new Date(1_700_000_000_000 + offset).toISOString(),
    tx: String(1_000 + offset),
    headers: {},
    body: JSON.stringify({ n: offset }),
  }
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}

async function readUntil(topic: Topic, partition: number, after: number, offset: number, ms = 20_000) {
  const messages: Message[] = []
  for await (const batch of topic.read(partition, after, { signal: AbortSignal.timeout(ms) })) {
    messages.push(...batch)
    if ((messages.at(-1)?.offset ?? 0) >= offset) break
  }
  return messages
}

async function collect(batches: AsyncIterable<readonly Message[]>): Promise<Message[]> {
  const messages: Message[] = []
  for await (const batch of batches) messages.push(...batch)
  return messages
}

async function eventually(check: () => Promise<void>, ms = 20_000): Promise<void> {
  const until = Date.now() + ms
  for (;;) {
    try {
      return await check()
    } catch (error) {
      if (Date.now() > until) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}
