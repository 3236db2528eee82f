import { type CommittedEvent, decodeEvent, isPlaceholder, type Message } from '@commitcast/events'
import { decryptEvent, type Keys, noKeys } from '@commitcast/outbox'
import type { GroupPlace } from './group.ts'
import type { GroupOffset } from './group-offset.ts'

/** One event as a group gets it. */
export interface WorkItem {
  readonly epoch: number
  readonly message: Message
  /** Missing where there is nothing to do: a placeholder, a type that this group does not know, or what an operator skipped. */
  readonly event?: CommittedEvent
  /** Why it can't even be read. */
  readonly unreadable?: unknown
}

/** A message, and where it stands. */
export interface PlacedMessage {
  readonly epoch: number
  readonly partition: number
  readonly message: Message
}

interface ReadPlace extends Pick<GroupPlace, 'understand' | 'keyReader'> {
  /** The ids of events to be skipped. */
  readonly skipped: ReadonlySet<string>
}

/** Takes messages apart, with one query for the keys of all their personal fields. What can't be read becomes an item that says why, so that it fails alone. */
export async function toItems(placed: readonly PlacedMessage[], place: ReadPlace): Promise<readonly WorkItem[]> {
  const keys = (await place.keyReader?.keysOf(placed.map(({ message }) => message))) ?? noKeys
  return placed.map((one) => toItem(one, place, keys))
}

function toItem(
  { epoch, partition, message }: PlacedMessage,
  { understand, skipped }: ReadPlace,
  keys: Keys,
): WorkItem {
  if (isPlaceholder(message) || skipped.has(message.id)) return { epoch, message }
  try {
    const event = understand(decryptEvent(decodeEvent(message, { epoch, partition }), message, keys))
    return event ? { epoch, message, event } : { epoch, message }
  } catch (unreadable) {
    return { epoch, message, unreadable }
  }
}

/** How far a group is once all of these are done. */
export function endOf(items: readonly WorkItem[]): GroupOffset {
  const { epoch, message } = items.at(-1)!
  return { epoch, offset: message.offset }
}
