import { sleep } from '@commitcast/worker'
import type pg from 'pg'
import type { TopicOptions } from '../broker.ts'
import type { Ear } from './postgres-ear.ts'

/** Wakes readers that wait for a partition to grow: by NOTIFY where it can, by one poll for all of them where it can't. */
export interface Watch {
  /** What an append says in its NOTIFY. */
  word(topic: TopicOptions, partition: number, end: number): string
  /** A partition of this process's own appending has grown. */
  grown(topic: TopicOptions, partition: number, end: number): void
  /** Listens for a partition from now on, until the signal aborts or `leave` is called. */
  enter(topic: TopicOptions, partition: number, signal: AbortSignal): Watched
}

export interface WatchOptions {
  readonly pool: pg.Pool
  readonly schema: string
  readonly signal: AbortSignal
  readonly pollMs: number
  /** Where LISTEN can be had. */
  readonly ear?: Ear | undefined
}

/** A partition that somebody reads. */
interface Watched {
  /**
   * Resolves when the partition may have more than offset `after`, or at the abort; at once where that was heard before,
   * while a query was under way that did not see it.
   */
  wait(after: number): Promise<void>
  leave(): void
}

interface Reader {
  readonly topic: TopicOptions
  readonly partition: number
  /** The end that was heard of last; infinite where something may have been missed. */
  heard: number
  /** What it waits for more than; none while it does not wait. */
  after?: number | undefined
  wake: () => void
}

export function createWatch({ pool, schema, signal, pollMs, ear }: WatchOptions): Watch {
  const readers = new Set<Reader>()
  let isHearing = false
  let isPolling = false

  const tell = (reader: Reader, end: number) => {
    reader.heard = Math.max(reader.heard, end)
    if (reader.after !== undefined && reader.after < end) reader.wake()
  }
  const tellAll = () => {
    for (const reader of readers) tell(reader, Number.POSITIVE_INFINITY)
  }
  const hear = (word: string) => {
    const [name, epoch, partition, end] = word.split(' ')
    for (const reader of readers) {
      const { topic } = reader
      if (topic.name !== name || String(topic.epoch) !== epoch || String(reader.partition) !== partition) continue
      tell(reader, Number(end))
    }
  }
  const poll = async () => {
    while (!signal.aborted && readers.size > 0) {
      await sleep(pollMs, signal, { ref: false })
      const waiting = [...readers].filter(isWaiting)
      if (signal.aborted || waiting.length === 0) continue
      await wakeGrown(pool, schema, waiting).catch(tellAll)
    }
    isPolling = false
  }
  const start = () => {
    if (!isHearing) ear?.on({ hear, onOpen: tellAll })
    isHearing = true
    if (!isPolling) void poll()
    isPolling = true
  }

  return {
    word: (topic, partition, end) => `${topic.name} ${topic.epoch} ${partition} ${end}`,
    grown(topic, partition, end) {
      hear(this.word(topic, partition, end))
    },
    enter(topic, partition, stop) {
      const reader: Reader = { topic, partition, heard: 0, wake() {} }
      const leave = () => {
        readers.delete(reader)
        stop.removeEventListener('abort', leave)
        reader.wake()
      }
      readers.add(reader)
      stop.addEventListener('abort', leave, { once: true })
      if (stop.aborted) leave()
      start()
      return {
        leave,
        async wait(after) {
          const { promise, resolve } = Promise.withResolvers<void>()
          Object.assign(reader, { after, wake: resolve })
          if (reader.heard <= after && !stop.aborted) await promise
          Object.assign(reader, { after: undefined, heard: 0 })
        },
      }
    },
  }
}

type Waiting = Reader & { readonly after: number }

function isWaiting(reader: Reader): reader is Waiting {
  return reader.after !== undefined
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
