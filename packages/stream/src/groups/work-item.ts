import { type CommittedEvent, decodeEvent, isPlaceholder, type Message } from '@commitcast/events'
import type { GroupPlace } from './group.ts'

/** One event as a group gets it. */
export interface WorkItem {
  readonly epoch: number
  readonly message: Message
  /** Missing where there is nothing to do: a placeholder, or a type that nobody here knows. */
  readonly event?: CommittedEvent
  /** Why it can't even be read. */
  readonly unreadable?: unknown
}

/** Takes a message apart. What can't be read becomes an item that says why, so that it fails alone. */
export function toItem(
  message: Message,
  { epoch, partition, understand }: { epoch: number; partition: number } & Pick<GroupPlace, 'understand'>,
): WorkItem {
  if (isPlaceholder(message)) return { epoch, message }
  try {
    const event = understand(decodeEvent(message, { epoch, partition }))
    return event ? { epoch, message, event } : { epoch, message }
  } catch (unreadable) {
    return { epoch, message, unreadable }
  }
}
