import { type CommittedEvent, decodeEvent, isPlaceholder, type Message } from '@commitcast/events'
import { decryptEvent, type Keys } from '@commitcast/outbox'
import type { GroupPlace } from './group.ts'

/** One event as a group gets it. */
export interface WorkItem {
  readonly epoch: number
  readonly message: Message
  /** Missing where there is nothing to do: a placeholder, a type that this group does not know, or what an operator skipped. */
  readonly event?: CommittedEvent
  /** Why it can't even be read. */
  readonly unreadable?: unknown
}

interface ItemPlace extends Pick<GroupPlace, 'understand'> {
  readonly epoch: number
  readonly partition: number
  /** The ids of events to be skipped. */
  readonly skipped: ReadonlySet<string>
  /** Of the message's personal fields. */
  readonly keys: Keys
}

/** Takes a message apart. What can't be read becomes an item that says why, so that it fails alone. */
export function toItem(message: Message, { epoch, partition, understand, skipped, keys }: ItemPlace): WorkItem {
  if (isPlaceholder(message) || skipped.has(message.id)) return { epoch, message }
  try {
    const event = understand(decryptEvent(decodeEvent(message, { epoch, partition }), message, keys))
    return event ? { epoch, message, event } : { epoch, message }
  } catch (unreadable) {
    return { epoch, message, unreadable }
  }
}
