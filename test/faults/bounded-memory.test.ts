import { fork } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Broker, endOf } from '@commitcast/broker'
import { natsBroker } from '@commitcast/broker/nats'
import { postgresBroker } from '@commitcast/broker/postgres'
import { startNats } from '@commitcast/servers'
import { describe, expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { lastLines } from '../fixtures/last-lines.ts'
import type { LeanConfig } from '../fixtures/lean-main.ts'

/** What each kind of process gets along with, whatever lies before it. Unpacked, the events are larger than that. */
const heapMb = 192
/** All memory of a process. One that has done nothing yet has 150; these had 262 to 331, relays and hubs at most 287. */
const mostMb = 380
const app = 'lean'
const partitions = 4
const events = 400
const eventBytes = 700_000

describe.each(['nats', 'postgres'])('with %s as broker and 280 MB of events that Postgres stores packed', (kind) => {
  test('every kind of process stays within a small heap', async () => {
    await using database = await freshDatabase({ partitions })
    await using nats = kind === 'nats' ? await startNats() : undefined
    const place = { app, partitions, url: database.url, natsUrl: nats?.url, events }
    const broker = nats ? natsBroker({ servers: nats.url }) : postgresBroker({ connectionString: database.url })
    await using _closing = { [Symbol.asyncDispose]: () => broker.close() }
    const append = (count: number) =>
      database.sql.query(
        `select commitcast.append('thing.grew', 'k' || n, to_json(repeat('x', $2))) from generate_series(1, $1::int) as n`,
        [count, eventBytes],
      )
    await append(events)
    const most: Record<string, number> = {}

    for (const [run, more] of [
      ['relay', 0],
      ['relay again', 8],
    ] as const) {
      await append(more)
      await using relay = startLean({ ...place, role: 'relay' })
      await relay.until(() => hasAll(broker, 'events', events + more))
      most[run] = relay.mostMb()
    }
    await using _relay = startLean({ ...place, role: 'relay' })
    {
      await using stream = startLean({ ...place, role: 'stream' })
      await stream.until(() => hasAll(broker, 'live', events + 8))
      most.stream = stream.mostMb()
    }
    {
      await using group = startLean({ ...place, role: 'group' })
      await group.until(async () => {
        const [row] = await database.sql.query<{ done: number }>(
          `select sum(top)::int as done from (select max("offset") as top from commitcast.group_offset group by partition) as by_partition`,
        )
        expect(row!.done).toBe(events + 8)
      })
      most.group = group.mostMb()
    }
    await using hub = startLean({ ...place, role: 'hub', events: events + 8 })
    await hub.until(() => expect(hub.said).toEqual(['caught up']))
    most.hub = hub.mostMb()

    for (const [run, mb] of Object.entries(most)) expect(mb, run).toBeLessThan(mostMb)
  })
})

async function hasAll(broker: Broker, name: string, count: number): Promise<void> {
  const topic = await broker.topic({ name: `${app}-${name}`, epoch: 1, partitions })
  const ends = await Promise.all(Array.from({ length: partitions }, (_, partition) => endOf(topic, partition)))
  expect(ends.reduce((sum, end) => sum + end, 0)).toBe(count)
}

const main = fileURLToPath(new URL('../fixtures/lean-main.ts', import.meta.url))

/** A process with a small heap; killed at the end of the block. */
function startLean(config: LeanConfig) {
  const execArgv = [`--max-old-space-size=${heapMb}`]
  const child = fork(main, [JSON.stringify(config)], { execArgv, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
  const lines = lastLines()
  lines.follow(config.role, child)
  lines.tellOnFailure()
  const said: unknown[] = []
  child.on('message', (word) => said.push(word))
  const ended = new Promise((resolve) => child.once('exit', resolve))
  return {
    said,
    /** Repeats `check` until it passes; gives up at once where the process has ended. */
    async until(check: () => Promise<void> | void) {
      const died = ended.then((code) => Promise.reject(new Error(`The process ended with ${code}.`)))
      await Promise.race([eventually(check, 120_000), died])
    },
    /** The most memory that it has had at one time. */
    mostMb: () => Number(/VmHWM:\s*(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))![1]) / 1_000,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await ended
    },
  }
}
