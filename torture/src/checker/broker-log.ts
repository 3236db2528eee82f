import { hash } from 'node:crypto'

/** A message as the checker found it on the broker. */
export interface Found {
  /** Where it was found. */
  readonly offset: number
  readonly id: string
  readonly key: string
  /** An event's number within its key; NaN in a live message. */
  readonly n: number
  readonly type: string
  readonly body: string
  /** The channels of a live message, as they stand in its headers. */
  readonly channels: string | undefined
  /** Tells whether two messages are the same in every part. */
  readonly digest: string
}

/** The checker's own way to read a broker, which shares no code with the adapters. Everything may fail in an outage. */
export interface BrokerLog {
  /** Where a partition begins and ends; 1 and 0 where nothing is. */
  bounds(partition: number): Promise<{ readonly first: number; readonly last: number }>
  /** The messages after offset `after` up to `last`, in their order; perhaps not all of them. */
  read(partition: number, after: number, last: number): Promise<readonly Found[]>
  close(): Promise<void>
}

/** Says which relay stored a message: another one where it was stored again. */
export const relayHeader = 'relay'

/** What is found at an offset, of its texts. */
export function found(
  offset: number,
  texts: Pick<Found, 'id' | 'key' | 'type' | 'body' | 'channels'> & { readonly others: readonly string[] },
): Found {
  const { id, key, type, body, channels, others } = texts
  const n = numberIn(body)
  return { offset, id, key, n, type, body, channels, digest: hash('md5', JSON.stringify([id, key, body, ...others])) }
}

/** Not each message is an event of ours. */
function numberIn(body: string): number {
  try {
    return Number((JSON.parse(body) as { n?: unknown } | null)?.n)
  } catch {
    return Number.NaN
  }
}
