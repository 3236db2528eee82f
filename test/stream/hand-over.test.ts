import { createLeases, type Partitions, runPartitions, type Sql, silentLogger } from '@commitcast/worker'
import { expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'

const all = [0, 1, 2, 3]
const ttlMs = 1_000

test('a worker that stops hands over each partition when its work there has ended, and keeps the one that is slow', async () => {
  await using workers = await openWorkers()
  const first = workers.start()
  await eventually(() => expect(workers.of(first)).toEqual(all))
  const gate = workers.holdUp(0)
  const second = workers.start()
  first.stop()
  await eventually(() => expect(workers.of(second)).toEqual([1, 2, 3]))
  await workers.pass(second, 4 * ttlMs)
  expect(workers.of(second)).toEqual([1, 2, 3])
  gate.resolve()
  await eventually(() => expect(workers.of(second)).toEqual(all))
  await first.partitions.done
  expect(workers.overlaps).toEqual([])
})

test('a worker that shares with one that comes gives up no partition before its work there has ended', async () => {
  await using workers = await openWorkers()
  const first = workers.start()
  await eventually(() => expect(workers.of(first)).toEqual(all))
  const gate = workers.holdUp(3)
  const second = workers.start()
  await eventually(() => expect(workers.of(second)).toEqual([2]))
  await workers.pass(second, 4 * ttlMs)
  expect([workers.of(first), workers.of(second)]).toEqual([[0, 1, 3], [2]])
  gate.resolve()
  await eventually(() =>
    expect([workers.of(first), workers.of(second)]).toEqual([
      [0, 1],
      [2, 3],
    ]),
  )
  expect(workers.overlaps).toEqual([])
})

test('one slow piece of work lets no other lease of its worker lapse', async () => {
  await using workers = await openWorkers()
  const first = workers.start()
  await eventually(() => expect(workers.of(first)).toEqual(all))
  const gate = workers.holdUp(0)
  await workers.sql.query(`update commitcast.lease set term = term + 1, owner = '' where partition = 0`)
  const second = workers.start()
  await eventually(() => expect(workers.of(second)).toHaveLength(2))
  await workers.pass(second, 4 * ttlMs)
  expect(workers.of(first).filter((partition) => partition !== 0)).toHaveLength(2)
  gate.resolve()
  await eventually(() => expect([...workers.of(first), ...workers.of(second)].sort()).toEqual(all))
})

interface Worker {
  readonly name: string
  readonly partitions: Partitions
  stop(): void
}

/** Workers whose work on a partition ends at once when it is asked to, except where it is held up. */
async function openWorkers() {
  const database = await freshDatabase({ partitions: all.length })
  const gates = new Map<number, PromiseWithResolvers<void>>()
  const at = new Map<number, string>()
  const renewed = new Map<string, number>()
  const overlaps: string[] = []
  const started: Worker[] = []
  const start = (): Worker => {
    const name = `worker ${started.length + 1}`
    const sql: Sql = {
      async query(text, values) {
        const rows = await database.sql.query(text, values)
        renewed.set(name, (renewed.get(name) ?? 0) + 1)
        return rows as never
      },
    }
    const stopping = new AbortController()
    const partitions = runPartitions({
      leases: createLeases({ sql, schema: 'commitcast', group: 'mail', owner: name, ttlMs }),
      signal: stopping.signal,
      logger: silentLogger,
      async work({ partition }, signal) {
        if (at.has(partition)) overlaps.push(`${partition}: ${at.get(partition)} and ${name}`)
        at.set(partition, name)
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
        await gates.get(partition)?.promise
        if (at.get(partition) === name) at.delete(partition)
      },
    })
    const worker = { name, partitions, stop: () => stopping.abort() }
    started.push(worker)
    return worker
  }
  return {
    sql: database.sql,
    overlaps,
    start,
    of: ({ name }: Worker) => [...at].flatMap(([partition, by]) => (by === name ? [partition] : [])).sort(),
    holdUp(partition: number) {
      const gate = Promise.withResolvers<void>()
      gates.set(partition, gate)
      void gate.promise.then(() => gates.delete(partition))
      return gate
    },
    /** Waits for as many renewals of a worker as it makes in so long. */
    async pass({ name }: Worker, ms: number) {
      const from = renewed.get(name) ?? 0
      await eventually(() => expect(renewed.get(name)).toBeGreaterThan(from + (2.5 * ms) / ttlMs))
    },
    async [Symbol.asyncDispose]() {
      for (const gate of gates.values()) gate.resolve()
      for (const worker of started) worker.stop()
      await Promise.all(started.map(({ partitions }) => partitions.done))
      await database[Symbol.asyncDispose]()
    },
  }
}
