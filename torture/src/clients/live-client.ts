import { type Logger, sleep } from '@commitcast/worker'
import type { Random } from '../random.ts'
import { openClient, type Way } from './open-client.ts'
import { createStreamRecord, type Heard, type StreamRecord } from './stream-record.ts'
import { createSubscriber } from './subscriber.ts'

/** What a client is like. */
export interface ClientPlan {
  readonly name: string
  readonly way: Way
  readonly kind: 'follow' | 'query'
  /** `dropping` closes its socket, or its subscription, at random moments; one with a state begins anew now and then. */
  readonly temper: 'fast' | 'slow' | 'dropping'
  readonly channels: readonly string[]
}

export interface LiveClientOptions {
  /** The balancer's, without a path. */
  readonly url: string
  readonly random: Random
  /** Ends its temper. */
  readonly calm: AbortSignal
  readonly logger: Logger
}

/** A real tRPC client, and all that it gets. */
export interface LiveClient {
  readonly plan: ClientPlan
  readonly record: StreamRecord
  /** How often it came back: connections and subscriptions after the first. */
  reconnects(): number
  close(): Promise<void>
}

/** Opens a client and subscribes. */
export function openLiveClient(plan: ClientPlan, { url, random, calm, logger }: LiveClientOptions): LiveClient {
  const { name, way, kind, temper, channels } = plan
  const record = createStreamRecord(kind)
  let beginnings = 0
  let heardBefore: string | undefined
  const onStarted = () => void beginnings++
  /** What it does as soon as the state is there. */
  let atState: (() => void) | undefined

  const onHeard = (heard: Heard) => {
    if (heard.kind === 'resync') logger.warn({ name, reason: heard.reason, heardBefore }, 'has to resync')
    heardBefore = heard.kind
    record.take(heard)
    if (heard.kind !== 'state') return
    atState?.()
    atState = undefined
  }
  const client = openClient(way, url, { retryMs: () => random.int(0, 300), onOpen: onStarted })
  const subscriber = createSubscriber({ client, kind, channels, random, logger, onStarted, onHeard })
  const { drop = subscriber.resume } = client

  const startOver = () => {
    record.startOver()
    atState = random.chance(0.8) ? random.pick([drop, () => setImmediate(resume)]) : undefined
    subscriber.startOver()
  }
  const resume = () => {
    if (!calm.aborted) subscriber.resume()
  }
  const dropNowAndThen = async () => {
    while (!calm.aborted) {
      await sleep(random.int(200, 2_500), calm)
      if (calm.aborted) return
      // Nobody is to go without events.
      if (record.events === 0) continue
      if (kind === 'query' && random.chance(0.5)) startOver()
      else random.pick([drop, resume])()
    }
  }

  if (temper === 'dropping') void dropNowAndThen()
  return {
    plan,
    record,
    reconnects: () => Math.max(0, beginnings - (way === 'ws' ? 2 : 1)),
    async close() {
      subscriber.end()
      await client.close()
    },
  }
}
