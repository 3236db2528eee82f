import { channelsOf, type Message } from '@commitcast/events'
import { isPersonal, type Keys, noKeys, subjectsOf } from '@commitcast/outbox'
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
  /** The keys of its personal fields; none where it has no such fields. */
  keys?: Keys | undefined
  /** The same event with its personal fields erased, for those who may not read them. */
  redacted?: LiveEntry
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
  head: string
  /** From the cursor on, and the two brackets that end a message. */
  tail: Buffer
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
  { partition, decoder, keeper, keys: read }: Pick<LiveEntry, 'partition' | 'decoder' | 'keeper' | 'keys'>,
): LiveEntry | undefined {
  try {
    const channels = channelsOf(message)
    if (channels.length === 0) return undefined
    decoder.note(message)
    const bytes = message.body.length + emptyEntryBytes
    const keys = isPersonal(message) ? (read ?? noKeys) : undefined
    return {
      message,
      partition,
      offset: message.offset,
      tx: BigInt(message.tx),
      channels,
      decoder,
      keeper,
      keys,
      bytes,
    }
  } catch (error) {
    decoder.skipEvent(message, partition, error)
    return undefined
  }
}

/** What followers get of an entry; decoded when it is first asked for. */
export function envelopeOf(entry: LiveEntry): EventEnvelope {
  if (!entry.envelope) {
    entry.envelope = entry.decoder.decode(entry.message, entry.partition, entry.keys)
    entry.keeper.grow(entry, entry.message.body.length * 2)
  }
  return entry.envelope
}

/** What followers get of an entry that may not read personal fields. */
export function redactedOf(entry: LiveEntry): LiveEntry {
  if (!entry.keys) return entry
  entry.redacted ??= redact(entry)
  return entry.redacted
}

function redact(entry: LiveEntry): LiveEntry {
  const { message, partition, offset, tx, channels, cursor, decoder } = entry
  // It leaves the memory with the entry.
  const keeper: Keeper = { grow: (_, bytes) => entry.keeper.grow(entry, bytes) }
  const redacted = { message, partition, offset, tx, channels, decoder, keeper, keys: noKeys, bytes: 0 }
  return cursor === undefined ? redacted : { ...redacted, cursor }
}

/** Lets go of all that was made of the fields of subjects that were erased, and of their keys. */
export function forgetErased(entry: LiveEntry, erased: ReadonlySet<string>): void {
  const { keys, message, texts } = entry
  if (!keys || !subjectsOf(message).some((subject) => erased.has(subject))) return
  entry.keys = new Map([...keys].filter(([subject]) => !erased.has(subject)))
  delete entry.envelope
  for (const text of texts?.values() ?? []) if (text) blank(text)
  delete entry.texts
}

/** The finished messages of the last moments refer to it. */
function blank(text: EventText): void {
  text.head = ''
  text.tail = Buffer.alloc(0)
  delete text.frames
}
