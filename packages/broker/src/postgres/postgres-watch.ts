import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import type { TopicOptions } from '../broker.ts'
import type { Ear } from './postgres-ear.ts'

/** Wakes readers that wait for a partition to grow: by NOTIFY where it can, by one poll for all of them where it can't. */
export interface Watch {
  /** What an append says in its NOTIFY. */
  word(topic: TopicOptions, partition: number, end: number): string
  /** A partition of this process's own appending has grown. */
  grown(topic: TopicOptions, partition: number, end: number): void
  /** Resolves when the partition may have more than offset `after`, or at the abort. */
  wait(topic: TopicOptions, partition: number, after: number, signal: AbortSignal): Promise<void>
  /** A short, jittered pause after an outage. */
  pause(signal: AbortSignal): Promise<void>
}

export interface WatchOptions {
  readonly pool: pg.Pool
  readonly schema: string
  readonly signal: AbortSignal
  readonly pollMs: number
  /** Where LISTEN can be had. */
  readonly ear?: Ear | undefined
}

interface Waiting {
  readonly topic: TopicOptions
  readonly partition: number
  readonly after: number
  readonly wake: () => void
}

export function createWatch({ pool, schema, signal, pollMs, ear }: WatchOptions): Watch {
  const waiting = new Set<Waiting>()
  let running = false

  const wakeAll = () => {
    for (const one of waiting) one.wake()
  }
  const hear = (word: string) => {
    const [name, epoch, partition, end] = word.split(' ')
    for (const one of waiting) {
      const { topic } = one
      if (topic.name !== name || String(topic.epoch) !== epoch || String(one.partition) !== partition) continue
      if (one.after < Number(end)) one.wake()
    }
  }

  const poll = async () => {
    for (;;) {
      await delay(pollMs, undefined, { signal, ref: false }).catch(() => {})
      if (signal.aborted || waiting.size === 0) break
      await wakeGrown(pool, schema, [...waiting]).catch(wakeAll)
    }
    running = false
  }
  let isHearing = false

  return {
    word: (topic, partition, end) => `${topic.name} ${topic.epoch} ${partition} ${end}`,
    grown(topic, partition, end) {
      hear(this.word(topic, partition, end))
    },
    wait(topic, partition, after, stop) {
      if (!isHearing) ear?.on({ hear, onOpen: wakeAll })
      isHearing = true
      return new Promise((resolve) => {
        const one: Waiting = {
          topic,
          partition,
          after,
          wake() {
            waiting.delete(one)
            stop.removeEventListener('abort', one.wake)
            resolve()
          },
        }
        waiting.add(one)
        stop.addEventListener('abort', one.wake, { once: true })
        if (stop.aborted) one.wake()
        if (!running) {
          running = true
          void poll()
        }
      })
    },
    async pause(stop) {
      await delay(50 + Math.random() * 450, undefined, { signal: stop }).catch(() => {})
    },
  }
}

/** One query for all that wait. */
async function wakeGrown(pool: pg.Pool, schema: string, waiting: readonly Waiting[]): Promise<void> {
  const { rows } = await pool.query<{ place: string }>(
    `select place from unnest($1::text[], $2::int[], $3::int[], $4::bigint[]) with ordinality
       as w(topic, epoch, partition, after, place)
     where exists (select from ${schema}.message m where m.topic = w.topic and m.epoch = w.epoch
       and m.partition = w.partition and m."offset" > w.after)`,
    [
      waiting.map((one) => one.topic.name),
      waiting.map((one) => one.topic.epoch),
      waiting.map((one) => one.partition),
      waiting.map((one) => one.after),
    ],
  )
  for (const { place } of rows) waiting[Number(place) - 1]?.wake()
}
