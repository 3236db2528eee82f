import type { Message } from './message.ts'

/** Types that begin so are Commitcast's own: no catalogue may have them, and no writer may append one. */
export const reservedPrefix = 'commitcast.'

const placeholderType = `${reservedPrefix}refused`

/** The type of a process's time-out. Only the relay appends it, when a scheduled one is due; only its process reads it. */
export const timeoutType = `${reservedPrefix}timeout`

/**
 * What stands at an offset in place of a message that the broker refuses: the same offset, id, key, time and transaction,
 * no headers, and a body that says which type was refused. It keeps the offsets gapless; readers pass it over.
 */
export function toPlaceholder(message: Message): Message {
  return { ...message, type: placeholderType, headers: {}, body: JSON.stringify({ refused: message.type }) }
}

/** Whether a message is no event but stands in place of one that was refused. */
export function isPlaceholder(message: Message): boolean {
  return message.type === placeholderType
}

/** Whether a message is Commitcast's own: a placeholder, or a process's time-out. Who reads an application's events passes it over. */
export function isReserved(message: Message): boolean {
  return message.type.startsWith(reservedPrefix)
}
