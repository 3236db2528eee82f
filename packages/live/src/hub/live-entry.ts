import { channelsOf, type Message } from '@commitcast/events'
import type { EventEnvelope, LiveDecoder } from './live-decoder.ts'

/** A live message with channels, from the ring or the log. What is made of it is made once for all followers. */
export interface LiveEntry {
  readonly message: Message
  readonly partition: number
  readonly offset: number
  readonly tx: bigint
  readonly channels: readonly string[]
  /** The cursor that followers have with it who came here through the ring; none in the log. */
  readonly cursor?: string
  readonly decoder: LiveDecoder
  /** What counts its bytes. */
  readonly keeper: Keeper
  /** How much memory it holds, roughly. */
  bytes: number
  envelope?: EventEnvelope
  texts?: Map<Serialize, EventText | undefined>
}

/** What a router's transformer does to what is sent: superjson's `serialize`, or nothing. */
export type Serialize = (value: unknown) => unknown

/** An event as tRPC's transformer and JSON make it, but for the cursor, which belongs between the two. */
export interface EventText {
  /** Up to the cursor. */
  readonly head: string
  /** From the cursor on, and the two brackets that end a message. */
  readonly tail: Buffer
  /** Finished messages with the entry's own cursor, by the beginning that a request gives them. */
  frames?: Map<string, Buffer>
}

/** Keeps entries within a bound of bytes. */
export interface Keeper {
  /** Counts `bytes` more for an entry; may let go of old entries, this one too. */
  grow(entry: LiveEntry, bytes: number): void
}

/** What an entry costs beside its message's body, roughly. */
const emptyEntryBytes = 600

/** The entry of a message; `undefined` for a filler, and for what is no live message, which is skipped. */
export function toLiveEntry(
  message: Message,
  { partition, decoder, keeper }: Pick<LiveEntry, 'partition' | 'decoder' | 'keeper'>,
): LiveEntry | undefined {
  try {
    const channels = channelsOf(message)
    if (channels.length === 0) return undefined
    decoder.note(message)
    const bytes = message.body.length + emptyEntryBytes
    return { message, partition, offset: message.offset, tx: BigInt(message.tx), channels, decoder, keeper, bytes }
  } catch (error) {
    decoder.skipEvent(message, partition, error)
    return undefined
  }
}

/** What followers get of an entry; decoded when it is first asked for. */
export function envelopeOf(entry: LiveEntry): EventEnvelope {
  if (!entry.envelope) {
    entry.envelope = entry.decoder.decode(entry.message, entry.partition)
    entry.keeper.grow(entry, entry.message.body.length * 2)
  }
  return entry.envelope
}
