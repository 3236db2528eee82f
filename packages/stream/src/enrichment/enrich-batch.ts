import type { Message } from '@commitcast/broker'
import {
  CommitcastError,
  type CommittedEvent,
  checkChannels,
  createMetadataEncoder,
  decodeEvent,
  encodeLiveMessage,
  isReserved,
  restateMessage,
  toFiller,
  toUnreadable,
  UnreadableEvent,
} from '@commitcast/events'
import { decryptEvent, isPersonal, type KeyReader, type Keys, noKeys, subjectsOf } from '@commitcast/outbox'
import type { Enrichment } from './enrichment.ts'
import type { Failures } from './failures.ts'
import { createLookUp } from './look-up.ts'
import { type Sealed, sealAll } from './seal-metadata.ts'

/** The live messages of a batch's beginning, or of all of it: one for each, in its order, at its offset. */
interface EnrichedBatch {
  readonly messages: readonly Message[]
  /** Why the event after them can't be made a live message. The partition waits until that is fixed. */
  readonly stuck?: Error
}

interface BatchContext {
  readonly epoch: number
  readonly partition: number
  /** The database's timeline under which the worker reads. */
  readonly timeline?: number | undefined
  /** The ids of events to be skipped. */
  readonly skipped: ReadonlySet<string>
  readonly signal: AbortSignal
}

/** `channels()` or an upcast step throws for an event, or the event is newer than the catalogue: its partition waits at it. */
export class LiveMessageFailed extends CommitcastError {
  override readonly name = 'LiveMessageFailed'
  readonly code = 'LIVE_MESSAGE_FAILED'
}

interface OpenContext extends BatchContext {
  readonly keys: Keys
}

/** Makes a batch's live messages. Rejects in an outage, and where a look-up works for nothing at all. */
export type EnrichBatch = (batch: readonly Message[], context: BatchContext) => Promise<EnrichedBatch>

export interface EnrichBatchOptions {
  readonly enrichment: Enrichment
  readonly upcast?: (event: CommittedEvent) => CommittedEvent
  /** Reads the keys of personal fields. Without it they are read as erased. */
  readonly keyReader?: KeyReader
  readonly failures: Failures
}

/** Makes the function that enriches batches; it keeps caches, for all partitions of a worker. */
export function createEnrichBatch({ enrichment, upcast, keyReader, failures }: EnrichBatchOptions): EnrichBatch {
  const lookUps = Object.entries(enrichment.enrichers).map(([kind, enricher]) => createLookUp(kind, enricher))
  const open = opener(enrichment, upcast)

  return async (batch, context) => {
    const keys = (await keyReader?.keysOf(batch)) ?? noKeys
    const { opened, stuck } = openAll(batch, (message) => open(message, { ...context, keys }))
    const events = opened.flatMap(({ event }) => event ?? [])
    const isFollowed = opened.flatMap(({ event, channels }) => (event ? channels.length > 0 : []))
    const looked = await Promise.all(lookUps.map((lookUp) => lookUp(events, { isFollowed, signal: context.signal })))
    const sealed = await sealAll(events, looked, { enrichment, keyReader })
    const messages = encodeAll(opened, sealed, { failures, timeline: context.timeline })
    return stuck ? { messages, stuck } : { messages }
  }
}

/** A message with what it says. A placeholder holds no event and has no channels; what can't be read may have some. */
interface Opened {
  readonly message: Message
  readonly event: CommittedEvent | undefined
  readonly channels: readonly string[]
  readonly unreadable?: UnreadableEvent
}

function opener({ channels: channelsOf }: Enrichment, upcast: EnrichBatchOptions['upcast']) {
  /** Its data is plain JSON then, without types. Where that is not enough for `channels`, it has none. */
  const channelsOfUnreadable = (message: Message, context: BatchContext): readonly string[] => {
    try {
      const { id, type, key, time, offset, tx, body } = message
      const { epoch, partition } = context
      const bare = { id, type, key, data: JSON.parse(body), headers: { time }, epoch, partition, offset, tx }
      return checkChannels(channelsOf(bare), 'channels()')
    } catch {
      return []
    }
  }
  const openEvent = (message: Message, stored: CommittedEvent): Opened => {
    const event = upcast ? upcast(stored) : stored
    const channels = checkChannels(channelsOf(event), 'channels()')
    // With personal fields it stays as it was encrypted: hubs bring it up to date when they have decrypted it.
    const isSame = event === stored || isPersonal(message)
    return { message: isSame ? message : restateMessage(message, event), event, channels }
  }
  return (message: Message, context: OpenContext): Opened => {
    if (isReserved(message)) return { message, event: undefined, channels: [] }
    const stored = context.skipped.has(message.id)
      ? new UnreadableEvent('an operator skipped it.', message)
      : tryToDecode(message, context)
    if (stored instanceof UnreadableEvent) {
      return { message, event: undefined, channels: channelsOfUnreadable(message, context), unreadable: stored }
    }
    try {
      return openEvent(message, stored)
    } catch (cause) {
      if (!isErasedIn(message, context)) throw cause
      const unreadable = new UnreadableEvent(`a part of it was erased, and then: ${String(cause)}.`, {
        ...message,
        cause,
      })
      return { message, event: undefined, channels: [], unreadable }
    }
  }
}

/** Code that does not expect what was erased must not halt a partition. */
function isErasedIn(message: Message, { keys }: OpenContext): boolean {
  return isPersonal(message) && subjectsOf(message).some((subject) => !keys.has(subject))
}

function tryToDecode(message: Message, context: OpenContext): CommittedEvent | UnreadableEvent {
  try {
    return decryptEvent(decodeEvent(message, context), message, context.keys)
  } catch (error) {
    if (error instanceof UnreadableEvent) return error
    throw error
  }
}

/** Up to the first that throws: what is before it goes out. */
function openAll(batch: readonly Message[], open: (message: Message) => Opened) {
  const opened: Opened[] = []
  for (const message of batch) {
    try {
      opened.push(open(message))
    } catch (cause) {
      const { id, type, offset } = message
      const stuck = new LiveMessageFailed(
        `Event ${id} ("${type}", offset ${offset}) can't be made a live message: ${String(cause)}. The partition waits at it ` +
          `until that is fixed, in channels() or in the catalogue, or "commitcast topic skip ${id}" is run.`,
        { cause },
      )
      return { opened, stuck }
    }
  }
  return { opened }
}

interface Encoding {
  readonly failures: Failures
  readonly timeline: number | undefined
}

function encodeAll(opened: readonly Opened[], looked: readonly Sealed[], { failures, timeline }: Encoding): Message[] {
  const encodeMetadata = createMetadataEncoder()
  let index = 0
  return opened.map(({ message, event, channels, unreadable }) => {
    const at = event ? index++ : -1
    if (unreadable) {
      failures.unreadable(message, unreadable)
      return toUnreadable(message, channels, timeline)
    }
    if (!event || channels.length === 0) return toFiller(message)
    const metadata: Record<string, unknown> = {}
    let failed: Map<string, unknown> | undefined
    let personal: Map<string, readonly string[]> | undefined
    for (const { kind, values, failures, subjects } of looked) {
      const subject = subjects?.[at]
      if (subject !== undefined) personal = addKind(personal, subject, kind)
      if (values[at] !== undefined) metadata[kind] = values[at]
      if (failures.has(at)) failed = (failed ?? new Map()).set(kind, failures.get(at))
    }
    const encoded = encodeMetadata(metadata)
    for (const [kind, error] of encoded.refused ?? []) failed = (failed ?? new Map()).set(kind, error)
    if (failed) failures.lookUpFailed(event, failed)
    const parts = { metadata, encoded, channels, timeline, personal }
    return encodeLiveMessage(message, { ...parts, ...(failed && { failed: [...failed.keys()] }) })
  })
}

function addKind(personal = new Map<string, readonly string[]>(), subject: string, kind: string) {
  return personal.set(subject, [...(personal.get(subject) ?? []), kind])
}
