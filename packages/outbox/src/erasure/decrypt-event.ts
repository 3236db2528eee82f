import { erased, type Message, readField, UnreadableEvent, withField } from '@commitcast/events'
import type { Sql } from '@commitcast/worker'
import { decodeValue } from './encrypt-fields.ts'
import { decryptText } from './field-cipher.ts'
import type { Keys, SubjectKeys } from './subject-keys.ts'

/** Reads keys for messages. */
export interface KeyReader {
  /** The keys that these messages need: one query for all of them, and none where no message has personal fields. */
  keysOf(messages: readonly Message[]): Promise<Keys>
}

export function createKeyReader(sql: Sql, keys: SubjectKeys): KeyReader {
  return {
    async keysOf(messages) {
      const subjects = new Set(messages.filter(isPersonal).flatMap(subjectsOf))
      return subjects.size === 0 ? noKeys : keys.toDecrypt(sql, subjects)
    },
  }
}

/** With it every personal field is read as erased. */
export const noKeys: Keys = new Map()

/** Whether a message has personal fields. */
export function isPersonal(message: Message): boolean {
  return message.headers.personal !== undefined
}

/** Whose personal fields a message has. */
export function subjectsOf(message: Message): readonly string[] {
  try {
    return fieldsOf(message).map(([subject]) => subject)
  } catch {
    return []
  }
}

/**
 * Decrypts the personal fields of a message's data, which `decodeEvent` has read; without the subject's key a field is `Erased`.
 * Returns the very same event where it has none. Throws `UnreadableEvent` for what no `append` encrypted.
 */
export function decryptEvent<TEvent extends { readonly data: unknown }>(
  event: TEvent,
  message: Message,
  keys: Keys,
): TEvent {
  if (!isPersonal(message)) return event
  let { data } = event
  for (const [subject, fields] of fieldsOf(message)) {
    const key = keys.get(subject)
    for (const field of fields) {
      try {
        const encrypted = readField(data, field) as string
        const value = key ? decodeValue(decryptText(encrypted, key, { subject, id: message.id, field })) : { ...erased }
        data = withField(data, field, value)
      } catch (cause) {
        throw new UnreadableEvent(`its personal field "${field}" can't be decrypted.`, { ...message, cause })
      }
    }
  }
  return { ...event, data }
}

/** By subject, the paths of the fields. */
function fieldsOf(message: Message): readonly (readonly [string, readonly string[]])[] {
  try {
    const fields = Object.entries(JSON.parse(message.headers.personal!) as Record<string, readonly string[]>)
    if (fields.every(([, paths]) => Array.isArray(paths))) return fields
  } catch {}
  throw new UnreadableEvent('its header "personal" is none that append writes.', message)
}
