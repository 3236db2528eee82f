import type { Child } from '../child/start-child.ts'
import { append, type Outbox } from '../open-outbox.ts'
import { keyOfN, keys, payload, type } from '../sample-event.ts'
import { insertPlain } from './plain-table.ts'
import { startWriters, type Write, type Writers } from './writers.ts'

interface Bench {
  readonly outbox: Outbox
  readonly relay: Child
  readonly clients: Parameters<typeof startWriters>[0]
  readonly sliceMs: number
}

interface Slice {
  readonly write: Write
  /** Whether the relay is as the slice needs it. */
  readonly isSteady: () => Promise<boolean>
  /** Brings it about, when the writers are at work. */
  readonly begin?: () => Promise<void>
}

const settleMs = 300
const maxBursts = 20
const maxTries = 5
const burst = 5_000
/** So many at once wake the relay; with writers as fast as these it then stays awake. */
const appendBurst = `select count(commitcast.append('${type}', ${keyOfN}, '${payload}')) from generate_series(1, ${burst}) n`

/** The four slices. Each leaves the relay asleep with nothing to do, and returns transactions per second. */
export function createSlices({ outbox, relay, clients, sliceMs }: Bench) {
  const data = JSON.parse(payload) as { customerId: string; note: string }
  let written = 0
  let appended = 0
  const key = () => `key-${++written % keys}`
  const appendOne: Write = (client) => append(client, { type, key: key(), data })
  const insertOne: Write = (client) => insertPlain(client, written, key())

  /** `undefined` where the relay did not stay as the slice needs it. */
  const measuredOnce = async ({ write, isSteady, begin }: Slice) => {
    await outbox.untilAsleep(appended)
    const writers = startWriters(clients, write)
    try {
      await begin?.()
      await new Promise((resolve) => setTimeout(resolve, settleMs))
      const perSecond = await rateOf(writers, sliceMs)
      return (await isSteady()) ? perSecond : undefined
    } finally {
      await writers.stop()
      if (write === appendOne) appended += writers.committed
      relay.resume()
    }
  }
  const measured = async (slice: Slice) => {
    for (let tries = 0; tries < maxTries; tries++) {
      const perSecond = await measuredOnce(slice)
      if (perSecond !== undefined) return perSecond
    }
    throw new Error(
      `In ${maxTries} slices the relay did not stay awake, or asleep, as they need it. Below 1,000 transactions a second it ` +
        'falls asleep: is the machine busy with something else?',
    )
  }
  const wakeRelay = async () => {
    for (let bursts = 0; await outbox.isRelayAsleep(); bursts++) {
      if (bursts > maxBursts) throw new Error(`The relay slept through ${bursts} bursts of ${burst} events.`)
      await outbox.pool.query(appendBurst)
      appended += burst
      await new Promise((resolve) => setTimeout(resolve, settleMs))
    }
  }
  const isAwake = async () => !(await outbox.isRelayAsleep())
  return {
    plain: () => measured({ write: insertOne, isSteady: outbox.isRelayAsleep }),
    awake: () => measured({ write: appendOne, isSteady: isAwake, begin: wakeRelay }),
    asleep: () => measured({ write: appendOne, isSteady: outbox.isRelayAsleep, begin: async () => relay.pause() }),
    /** As awake, but the relay is frozen: what the statement costs, without the relay's and the broker's share of the CPU. */
    alone: () => measured({ write: appendOne, isSteady: isAwake, begin: () => wakeRelay().then(relay.pause) }),
  }
}

async function rateOf(writers: Writers, ms: number): Promise<number> {
  const before = writers.committed
  const startedAt = performance.now()
  await new Promise((resolve) => setTimeout(resolve, ms))
  return (writers.committed - before) / ((performance.now() - startedAt) / 1_000)
}
