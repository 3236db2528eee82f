import type { Envelope } from '@commitcast/events'
import { expect, test } from 'vitest'
import { createRandom, type Random, roundsOf } from '../fixtures/random.ts'
import { openLateRelay } from './late-relay.ts'
import { type LiveNode, partitions, startNode } from './live-node.ts'
import { listen, openStockClient } from './stock-client.ts'

type Told = Envelope<{ readonly data: { readonly n: number } }, unknown>
type Take = (id: string, envelope: Told) => boolean

/** Follows until `take` says that it is enough, in this process. */
async function followHere({ router }: LiveNode, path: 'follow' | 'count', lastEventId: string | undefined, take: Take) {
  const dropping = new AbortController()
  const caller = router.createCaller({}, { signal: dropping.signal })
  const stream = (await caller[path]({ lastEventId } as never)) as unknown as AsyncIterable<[string, Told]>
  for await (const [id, envelope] of stream) if (!take(id, envelope)) break
  dropping.abort()
}

/** The same over a WebSocket, with a stock client. */
async function followThere(node: LiveNode, path: 'follow' | 'count', lastEventId: string | undefined, take: Take) {
  const client = openStockClient('frames', () => node.url)
  await new Promise<void>((resolve) => {
    const heard = listen(client, path, { ...(lastEventId !== undefined && { lastEventId }) }, (id, envelope) => {
      if (take(id, envelope as Told)) return
      heard.end()
      resolve()
    })
  })
  await client.close()
}

/** A client that drops after a while and comes back, on any node, by any way; gives what it has by key. */
async function followInPieces(
  random: Random,
  nodes: readonly LiveNode[],
  { path, from, isDone }: { path: 'follow' | 'count'; from?: string; isDone: (told: number[][]) => boolean },
) {
  const history = { told: Array.from({ length: partitions }, (): number[] => []), pieces: 0, resyncs: 0, states: 0 }
  let lastEventId = from
  while (!isDone(history.told)) {
    history.pieces++
    let patience = random.int(1, 40)
    let isOver = false
    await random.pick([followHere, followThere])(random.pick(nodes), path, lastEventId, (id, envelope) => {
      // A frame may be on its way while a client drops: it never gets it.
      if (isOver) return false
      lastEventId = id
      if (envelope.kind === 'state') {
        history.states++
        history.told = (envelope.state as number[][]).map((txs) => [...txs])
      } else if (envelope.kind === 'event')
        history.told[envelope.event.data.n % partitions]!.push(envelope.event.data.n)
      else if (envelope.kind === 'resync') history.resyncs++
      isOver = --patience <= 0 || isDone(history.told)
      return !isOver
    })
  }
  return history
}

test.each(roundsOf(6))(
  'however a history is split over reconnects, nodes, and ring or log, it is the same sequence (round %i)',
  async () => {
    const random = createRandom()
    const relay = await openLateRelay(random)
    for (let n = 0; n < 100; n++) await relay.step()
    const { readState } = relay
    await using roomy = await startNode(relay, { readState })
    await using tight = await startNode(relay, { readState, maxRingBytes: 5_000, prime: 2 })
    await using slow = await startNode(relay, {
      readState,
      prime: random.int(0, 50),
      maxRingBytes: 20_000,
      wrap: (topic) => ({
        ...topic,
        async *read(partition, after, options) {
          for await (const batch of topic.read(partition, after, { ...options, maxBatch: random.int(1, 20) })) {
            if (random.chance(0.3)) await new Promise((resolve) => setTimeout(resolve, random.int(0, 10)))
            yield batch
          }
        },
      }),
    })
    let isFinished = false
    const isDone = (told: number[][]) =>
      isFinished && told.every((txs, key) => txs.length >= relay.history[key]!.length)
    const nodes = [roomy, tight, slow]
    const clients = [
      ...Array.from({ length: 4 }, () => followInPieces(random, nodes, { path: 'follow', from: '1.1.0-0-0', isDone })),
      ...Array.from({ length: 4 }, () => followInPieces(random, nodes, { path: 'count', isDone })),
    ]
    const writing = (async () => {
      for (let n = 0; n < 500; n++) {
        await relay.step()
        if (n % 5 === 0) await new Promise((resolve) => setTimeout(resolve, 1))
      }
      await relay.finish(() => {
        isFinished = true
      })
    })()
    await writing
    const histories = await Promise.all(clients).catch((error) => {
      throw new Error(`SEED=${random.seed}: ${error}`, { cause: error })
    })
    for (const { told, resyncs, pieces } of histories) {
      expect(told, `SEED=${random.seed}`).toEqual(relay.history)
      expect(resyncs).toBe(0)
      expect(pieces).toBeGreaterThan(3)
    }
    expect(histories.map(({ states }) => states)).toEqual([0, 0, 0, 0, 1, 1, 1, 1])
  },
)
