import type { Broker, Topic } from '@commitcast/broker'
import { natsBroker } from '@commitcast/broker/nats'
import { runRelay } from '@commitcast/outbox'
import { type NatsCluster, startNatsCluster, unlessLeftOut } from '@commitcast/servers'
import { afterAll, describe, expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { expectStoredOnce } from '../fixtures/expect-stored-once.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { createRandom, type Random } from '../fixtures/random.ts'
import { startWriters } from '../fixtures/start-writers.ts'

const started = await unlessLeftOut('THE TESTS ON A NATS CLUSTER', startNatsCluster())
const partitions = [0, 1, 2]
/** The words of each `Diverged` that a relay could meet. */
const saysDiverged = /not written by Commitcast|belongs at|holds event|was deleted on the broker|deleted and made again/

describe.skipIf(!started)('on a cluster of three', () => {
  const cluster = started as NatsCluster
  const openBroker = () => natsBroker({ servers: cluster.urls, replicas: 3 })
  afterAll(() => cluster.stop())

  test('the relay stores each event once while the leaders of its streams are killed, step down, and all crash', async () => {
    const random = createRandom()
    process.stdout.write(`SEED=${random.seed}\n`)
    await using database = await freshDatabase({ partitions: partitions.length })
    const { broker, doubts } = countingDoubts(openBroker())
    const stopping = new AbortController()
    const app = `cluster${process.pid}`
    const { sql, url, pool } = database
    const relay = runRelay({ sql, broker, app, schema: 'commitcast', signal: stopping.signal, listenTo: url })
    await using writers = startWriters({ pool, random })
    const topic = await eventually(() => broker.topic({ name: `${app}-events`, epoch: 1, partitions: 3 }))
    const follower = follow(topic, stopping.signal)

    const faults = shuffled(random, ['kill', 'kill', 'stepDown', 'stepDown', 'stepDown', 'crash'] as const)
    const standingStill: string[] = []
    for (const fault of faults) {
      const partition = random.pick(partitions)
      const stream = `${app}-events-1_${partition}`
      await cluster.isWhole(stream)
      const before = (await eventually(() => topic.last(partition)))?.offset ?? 0
      await eventually(async () => {
        const health = JSON.stringify(relay.health())
        if (saysDiverged.test(health)) standingStill.push(health)
        expect((await topic.last(partition))?.offset ?? 0, health).toBeGreaterThan(before)
      })
      await faultOf[fault](cluster, stream, random)
    }
    await writers.stop()
    const context = `SEED=${random.seed}, ${faults.join(', ')}, ${doubts()} doubts`
    const count = await expectStoredOnce(sql, topic, context)
    expect(count, context).toBeGreaterThan(500)
    expect(doubts(), context).toBeGreaterThan(0)
    expect(standingStill, context).toEqual([])
    await eventually(() => expect(relay.health(), context).toMatchObject({ ready: true }))
    await follower.end(count)
    process.stdout.write(`${count} events; ${context}\n`)
    stopping.abort()
    await relay.done
    await broker.close()
  })
})

const faultOf = {
  stepDown: (cluster: NatsCluster, stream: string) => cluster.stepDown(stream),
  /** Comes back before or after the others have a new leader. */
  async kill(cluster: NatsCluster, stream: string, random: Random) {
    const leader = await cluster.leaderOf(stream)
    await leader.kill()
    if (random.chance(0.5)) await cluster.leaderOf(stream)
    await leader.restart()
  },
  async crash({ nodes }: NatsCluster) {
    await Promise.all(nodes.map((node) => node.kill()))
    await Promise.all(nodes.map((node) => node.restart()))
  },
}

/** The same broker; `doubts` says how many appends did not come to a good end. */
function countingDoubts(broker: Broker): { readonly broker: Broker; doubts(): number } {
  let doubts = 0
  const counting: Broker = {
    ...broker,
    async topic(options) {
      const topic = await broker.topic(options)
      const append: typeof topic.append = async (...chunk) => {
        try {
          await topic.append(...chunk)
        } catch (error) {
          doubts++
          throw error
        }
      }
      return { ...topic, append }
    },
  }
  return { broker: counting, doubts: () => doubts }
}

/** Reads all partitions as they grow. `end` rejects where an offset does not follow the one before. */
function follow(topic: Topic, signal: AbortSignal): { end(count: number): Promise<void> } {
  const ends = partitions.map(() => 0)
  const read = async (partition: number) => {
    for await (const batch of topic.read(partition, 0, { signal })) {
      const first = ends[partition]! + 1
      expect(batch.map(({ offset }) => offset)).toEqual(batch.map((_, index) => first + index))
      ends[partition]! += batch.length
    }
  }
  const reading = Promise.all(partitions.map(read))
  reading.catch(() => {})
  return {
    /** Resolves when so many messages were read. */
    async end(count) {
      const all = () =>
        expect(
          ends.reduce((sum, end) => sum + end, 0),
          `read up to ${ends}`,
        ).toBe(count)
      await Promise.race([eventually(all), reading])
    },
  }
}

function shuffled<T>(random: Random, items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, place: random.next() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item)
}
