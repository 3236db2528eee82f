import { sleep } from '@commitcast/worker'
import type pg from 'pg'
import type { TopicOptions } from '../broker.ts'
import type { Notifications } from './postgres-notifications.ts'

/** Wakes readers that wait for a partition to grow: by NOTIFY where it can, by one poll for all of them where it can't. */
export interface Watch {
  /** The payload of an append's NOTIFY. */
  payload(topic: TopicOptions, partition: number, end: number): string
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
  readonly notifications?: Notifications | undefined
}

/** A partition that is read. */
interface Watched {
  /**
   * Resolves when the partition may have more than offset `after`, or at the abort; at once where the reader was notified
   * of it while a query was under way that did not see it.
   */
  wait(after: number): Promise<void>
  leave(): void
}

interface Reader {
  readonly topic: TopicOptions
  readonly partition: number
  /** The latest end that it was notified of; infinite where a notification may have been missed. */
  notified: number
  /** What it waits for more than; none while it does not wait. */
  after?: number | undefined
  wake: () => void
}

export function createWatch({ pool, schema, signal, pollMs, notifications }: WatchOptions): Watch {
  const readers = new Set<Reader>()
  let isSubscribed = false
  let isPolling = false

  const notify = (reader: Reader, end: number) => {
    reader.notified = Math.max(reader.notified, end)
    if (reader.after !== undefined && reader.after < end) reader.wake()
  }
  const wakeAll = () => {
    for (const reader of readers) notify(reader, Number.POSITIVE_INFINITY)
  }
  const onNotify = (payload: string) => {
    const [name, epoch, partition, end] = payload.split(' ')
    for (const reader of readers) {
      const { topic } = reader
      if (topic.name !== name || String(topic.epoch) !== epoch || String(reader.partition) !== partition) continue
      notify(reader, Number(end))
    }
  }
  const poll = async () => {
    while (!signal.aborted && readers.size > 0) {
      await sleep(pollMs, signal, { ref: false })
      const waiting = [...readers].filter(isWaiting)
      if (signal.aborted || waiting.length === 0) continue
      await wakeGrown(pool, schema, waiting).catch(wakeAll)
    }
    isPolling = false
  }
  const start = () => {
    if (!isSubscribed) notifications?.on({ onNotify, onOpen: wakeAll })
    isSubscribed = true
    if (!isPolling) void poll()
    isPolling = true
  }

  return {
    payload: (topic, partition, end) => `${topic.name} ${topic.epoch} ${partition} ${end}`,
    grown(topic, partition, end) {
      onNotify(this.payload(topic, partition, end))
    },
    enter(topic, partition, stop) {
      const reader: Reader = { topic, partition, notified: 0, wake() {} }
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
          if (reader.notified <= after && !stop.aborted) await promise
          Object.assign(reader, { after: undefined, notified: 0 })
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
