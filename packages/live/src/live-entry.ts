import type { LiveEvent, Message } from '@commitcast/events'
import type { EventText, Serialize } from './output/event-text.ts'

/** A live message that is told on some channels, from the ring or the log. What is made of it is made once for all followers. */
export interface LiveEntry {
  readonly message: Message
  readonly partition: number
  readonly offset: number
  readonly tx: bigint
  readonly channels: readonly string[]
  /** The cursor that followers have with it who came here through the ring; none in the log. */
  readonly cursor?: string
  readonly decode: Decode
  /** What counts its bytes. */
  readonly keeper: Keeper
  /** How much memory it holds, roughly. */
  bytes: number
  event?: LiveEvent
  texts?: Map<Serialize, EventText | undefined>
}

/** Decodes a live message that is not a filler. */
export type Decode = (message: Message, partition: number) => LiveEvent

/** Keeps entries within a bound of bytes. */
export interface Keeper {
  /** Counts `bytes` more for an entry; may let go of old entries, this one too. */
  grow(entry: LiveEntry, bytes: number): void
}

/** What an entry costs beside its message's body, roughly. */
const emptyEntryBytes = 600

/** The entry of a message that is not a filler. */
export function toLiveEntry(
  message: Message,
  place: Pick<LiveEntry, 'partition' | 'channels' | 'decode' | 'keeper'>,
): LiveEntry {
  const { partition, channels, decode, keeper } = place
  const bytes = message.body.length + emptyEntryBytes
  return { message, partition, offset: message.offset, tx: BigInt(message.tx), channels, decode, keeper, bytes }
}

/** The event of an entry; decoded when it is first asked for. */
export function eventOf(entry: LiveEntry): LiveEvent {
  if (!entry.event) {
    entry.event = entry.decode(entry.message, entry.partition)
    entry.keeper.grow(entry, entry.message.body.length * 2)
  }
  return entry.event
}
