import { eventually } from '@commitcast/worker'
import { expect } from 'vitest'
import type { Message, Topic } from '../broker.ts'
import type { Case } from './contract-case.ts'
import { makeMessage, makeMessages, offsetsOf, range, readUntil } from './messages.ts'

/** The server is killed and comes back. */
export const restarts: readonly Case[] = [
  {
    name: 'a killed and restarted server keeps what it acknowledged, and readers and writers go on',
    needs: 'durability',
    async run({ freshTopic, subject }) {
      const topic = await freshTopic()
      await topic.append(0, 0, makeMessages(1, 200))
      const reading = readUntil(topic, { until: 400, ms: 60_000 })
      await subject.restart!()
      await eventually(async () => expect((await topic.last(0))?.offset).toBe(200))
      for (let after = 200; after < 400; after += 50) await topic.append(0, after, makeMessages(after + 1, 50))
      expect(offsetsOf(await reading)).toEqual(range(1, 400))
    },
  },
  {
    name: 'a reader that says that an outage keeps it from reading says when it reads again, also where nothing follows',
    needs: 'durability',
    async run({ freshTopic, subject }) {
      const topic = await freshTopic()
      await topic.append(0, 0, makeMessages(1, 3))
      const said: ('out' | 'reads')[] = []
      const stopping = new AbortController()
      const onOutage = (error?: unknown) => said.push(error === undefined ? 'reads' : 'out')
      const offsets: number[] = []
      const reading = (async () => {
        for await (const batch of topic.read(0, 0, { signal: stopping.signal, onOutage }))
          offsets.push(...offsetsOf(batch))
      })()
      await eventually(async () => expect(offsets).toEqual([1, 2, 3]))
      await subject.restart!()
      await eventually(async () => expect(await topic.last(0)).toMatchObject({ offset: 3 }))
      // A reader that had nothing to ask for meanwhile has noticed no outage.
      await eventually(async () => expect(said.at(-1)).not.toBe('out'))
      stopping.abort()
      await reading
      expect(offsets).toEqual([1, 2, 3])
      expect(said.filter((words, index) => words === 'reads' && said[index - 1] !== 'out')).toEqual([])
    },
  },
  {
    name: 'a server killed while chunks are in flight stores each message once: ask where it ends and go on',
    needs: 'durability',
    async run({ freshTopic, subject }) {
      const topic = await freshTopic()
      const writer = startWriter(topic)
      for (const round of [1, 2]) {
        const before = writer.acknowledged()
        await eventually(() => expect(writer.acknowledged()).toBeGreaterThan(before + 500))
        await subject.restart!()
        await eventually(() => expect(writer.failures()).toBeGreaterThanOrEqual(round))
      }
      const sent = await writer.stop()
      expect(await readUntil(topic, { until: sent.length })).toEqual(sent)
    },
  },
]

const chunk = 50

/** Appends as a relay does: four chunks in flight and, after a failure, on from where the log ends. */
function startWriter(topic: Topic) {
  const sent: Message[] = []
  let acknowledged = 0
  let failures = 0
  let isStopping = false

  const append = async (after: number): Promise<boolean> => {
    while (sent.length < after + chunk) sent.push(makeMessage(sent.length + 1))
    try {
      await topic.append(0, after, sent.slice(after, after + chunk))
      acknowledged = Math.max(acknowledged, after + chunk)
      return true
    } catch {
      return false
    }
  }
  /** Four chunks in flight until the first failure. */
  const carry = async (end: number) => {
    const inFlight: Promise<boolean>[] = []
    let isGood = true
    for (let after = end; isGood && !isStopping; after += chunk) {
      inFlight.push(append(after))
      if (inFlight.length === 4) isGood = (await inFlight.shift()) ?? true
    }
    const rest = await Promise.all(inFlight)
    if (!isGood || rest.includes(false)) failures++
  }
  const work = async (): Promise<Message[]> => {
    for (;;) {
      const end = await eventually(async () => (await topic.last(0))?.offset ?? 0)
      expect(end).toBeGreaterThanOrEqual(acknowledged)
      if (isStopping) return sent.slice(0, end)
      await carry(end)
    }
  }
  const working = work()
  return {
    acknowledged: () => acknowledged,
    /** How many times chunks in flight failed. */
    failures: () => failures,
    /** What must be stored now. */
    stop() {
      isStopping = true
      return working
    },
  }
}
