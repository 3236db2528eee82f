import { erased, readField, type StoredEvent, UnreadableEvent, withField } from '@commitcast/events'
import type { Sql } from '@commitcast/worker'
import { decodeValue, metadataPrefix } from './encrypt-fields.ts'
import { decryptText } from './field-cipher.ts'
import type { Keys, SubjectKeys } from './subject-keys.ts'

/** Reads keys for messages. */
export interface KeyReader {
  /** The keys to encrypt with, made where a subject has none. One that was erased has none. */
  keysToEncrypt(subjects: ReadonlySet<string>): Promise<Keys>
  /** The keys that these messages need: one query for all of them, and none where no message has personal fields. */
  keysOf(messages: readonly StoredEvent[]): Promise<Keys>
}

/** Reads keys as `toDecrypt` does with these options. */
export function createKeyReader(sql: Sql, keys: SubjectKeys, options?: { readonly isAfresh: boolean }): KeyReader {
  return {
    keysToEncrypt: (subjects) => keys.toEncrypt(sql, subjects, { leaveOutErased: true }),
    async keysOf(messages) {
      const subjects = new Set(messages.filter(isPersonal).flatMap(subjectsOf))
      return subjects.size === 0 ? noKeys : keys.toDecrypt(sql, subjects, options)
    },
  }
}

/** With it every personal field is read as erased. */
export const noKeys: Keys = new Map()

/** Whether a message has personal fields. */
export function isPersonal(message: StoredEvent): boolean {
  return message.headers.personal !== undefined
}

/** Whose personal fields a message has. */
export function subjectsOf(message: StoredEvent): readonly string[] {
  try {
    return [...fieldsOf(message, 'personal'), ...fieldsOf(message, 'metadata-personal')].map(([subject]) => subject)
  } catch {
    return []
  }
}

/**
 * Decrypts the personal fields of a message's data, and of its metadata where it is a live message, once these are decoded; without
 * the subject's key a field is `Erased`. Returns the very same event where it has none. Throws `UnreadableEvent` for what was not
 * encrypted for this event.
 */
export function decryptEvent<TEvent extends { readonly data: unknown; readonly metadata?: unknown }>(
  event: TEvent,
  message: StoredEvent,
  keys: Keys,
): TEvent {
  if (!isPersonal(message)) return event
  const data = decryptAll(event.data, { message, keys, header: 'personal', prefix: '' })
  if (message.headers['metadata-personal'] === undefined) return { ...event, data }
  const metadata = decryptAll(event.metadata, { message, keys, header: 'metadata-personal', prefix: metadataPrefix })
  return { ...event, data, metadata }
}

interface Decrypting {
  readonly message: StoredEvent
  readonly keys: Keys
  readonly header: PersonalHeader
  readonly prefix: string
}

function decryptAll(value: unknown, { message, keys, header, prefix }: Decrypting): unknown {
  let decrypted = value
  for (const [subject, fields] of fieldsOf(message, header)) {
    const key = keys.get(subject)
    for (const field of fields) {
      const place = { subject, id: message.id, field: `${prefix}${field}` }
      // A kind of metadata may have a dot in its name.
      const path = header === 'personal' ? field.split('.') : [field]
      try {
        const text = readField(decrypted, path) as string
        decrypted = withField(decrypted, path, key ? decodeValue(decryptText(text, key, place)) : { ...erased })
      } catch (cause) {
        throw new UnreadableEvent(`its personal field "${place.field}" can't be decrypted.`, { ...message, cause })
      }
    }
  }
  return decrypted
}

type PersonalHeader = 'personal' | 'metadata-personal'

/** By subject, the paths of the fields. */
function fieldsOf(message: StoredEvent, header: PersonalHeader): readonly (readonly [string, readonly string[]])[] {
  const text = message.headers[header]
  if (text === undefined) return []
  try {
    const fields = Object.entries(JSON.parse(text) as Record<string, readonly string[]>)
    if (fields.every(([, paths]) => Array.isArray(paths))) return fields
  } catch {}
  throw new UnreadableEvent(`its header "${header}" is none that Commitcast writes.`, message)
}
