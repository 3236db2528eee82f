import type { Random } from '../fixtures/random.ts'
import { openTopic, partitions } from './live-node.ts'

const keys = partitions

/**
 * Counters that transactions change, some of which take long, and a relay that is late: what has committed comes to the live
 * topic later, in order per key. Transaction n changes counter n % keys, so it can't overtake another of its key.
 */
export async function openLateRelay(random: Random) {
  const topic = await openTopic()
  const running = new Set<number>()
  /** Committed and not yet published, by key. */
  const late = Array.from({ length: keys }, (): number[] => [])
  const history = Array.from({ length: keys }, (): number[] => [])
  let next = 1

  const commit = (tx: number) => {
    running.delete(tx)
    history[tx % keys]!.push(tx)
    late[tx % keys]!.push(tx)
  }
  const publish = async (key: number, count: number) => {
    for (const tx of late[key]!.splice(0, count)) await topic.publish(tx)
  }

  return {
    open: topic.open,
    /** What has committed, by key, in order. */
    history,
    /** Something happens: a transaction begins, commits or is taken back, or the relay publishes. */
    async step() {
      const tx = next++
      if (!random.chance(0.1)) running.add(tx)
      for (const old of [...running]) {
        const isFirstOfKey = ![...running].some((other) => other < old && other % keys === old % keys)
        if (isFirstOfKey && random.chance(0.5)) commit(old)
        else if (random.chance(0.05)) running.delete(old)
      }
      if (random.chance(0.6)) await publish(random.int(0, keys - 1), random.int(1, 10))
    },
    /** Commits what runs and one transaction more for each key, then publishes all. `onCommitted` is called in between. */
    async finish(onCommitted: () => void) {
      for (const tx of [...running].toSorted((a, b) => a - b)) commit(tx)
      for (let key = 0; key < keys; key++) commit(next++)
      onCommitted()
      for (let key = 0; key < keys; key++) await publish(key, Number.POSITIVE_INFINITY)
    },
    /** The last transaction of each counter, and the snapshot that shows them. */
    async readState() {
      const snapshot = `${Math.min(next, ...running)}:${next}:${[...running].toSorted((a, b) => a - b).join(',')}`
      const state = history.map((txs) => [...txs])
      if (random.chance(0.5)) await new Promise((resolve) => setTimeout(resolve, random.int(0, 5)))
      return { state, snapshot, epoch: 1 }
    },
  }
}
