import { decodeLiveEvent, encodeLiveMessage, type LiveEvent, type Message } from '@commitcast/events'
import superjson from 'superjson'
import { partitions } from '../sample-event.ts'

/** About so much JSON of an event's data; `300` is flat with two dates, `4k` nested with forty-two. */
export type Size = 300 | '4k'

/** Who hears of the sample events. */
export const channel = 'all'

const epoch = 1
const start = Date.UTC(2026, 10, 1)

/** The `n`-th event's place, from 1 on: events go to the partitions by turns. */
export function placeOf(n: number): { readonly partition: number; readonly offset: number } {
  return { partition: n % partitions, offset: Math.floor((n - 1) / partitions) + 1 }
}

/** The live message of the `n`-th event, as a stream worker would have made it. `text` replaces its data's contents. */
export function liveMessageOf(n: number, data: object): Message {
  const { json, meta } = superjson.serialize({ n, ...data })
  const message = {
    offset: placeOf(n).offset,
    id: `00000000-0000-7000-8000-${String(n).padStart(12, '0')}`,
    type: 'order.placed',
    key: `key-${n % 500}`,
    time: new Date(start + n).toISOString(),
    tx: String(1_000_000 + n),
    headers: { ...(meta && { notes: JSON.stringify(meta) }) },
    body: JSON.stringify(json),
  }
  return encodeLiveMessage(message, { metadata: {}, channels: [channel] })
}

/** The same event as a subscription tells it, and its cursor. For contenders that get it from elsewhere. */
export function envelopeOf(n: number, size: Size): { readonly id: string; readonly data: SampleEnvelope } {
  const message = liveMessageOf(n, dataOf(n, size))
  const event = decodeLiveEvent(message, { epoch, partition: placeOf(n).partition })
  const offsets = Array.from({ length: partitions }, () => placeOf(n).offset)
  return { id: `1.${epoch}.${offsets.join('-')}`, data: { kind: 'event', event } }
}

interface SampleEnvelope {
  readonly kind: 'event'
  readonly event: LiveEvent
}

/** The message that all clients of one subscription get, as tRPC and superjson write it. */
export function wireTextOf(n: number, size: Size): string {
  const { id, data } = envelopeOf(n, size)
  return JSON.stringify({ id: 1, result: { type: 'data', id, data: superjson.serialize({ id, data }) } })
}

export function dataOf(n: number, size: Size): object {
  const placedAt = new Date(start + n * 1_000)
  const customer = { id: `c-${n % 997}`, name: 'Ada Lovelace', since: new Date(start) }
  if (size === 300) return { placedAt, customer, note: 'x'.repeat(160) }
  return { placedAt, customer, lines: Array.from({ length: 20 }, (_, line) => lineOf(n, line)) }
}

function lineOf(n: number, line: number): object {
  return {
    book: { id: `b-${(n + line) % 991}`, title: `The Analytical Engine, volume ${line}`, tags: ['history', 'science'] },
    price: { amount: 1_999 + line, currency: 'EUR' },
    addedAt: new Date(start + n * 1_000 + line),
    ship: { at: new Date(start + n * 2_000 + line), from: 'depot' },
  }
}
