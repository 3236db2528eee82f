import { InvalidEvent } from '@commitcast/events'

/** Returns the id of a subject as a text. Throws `InvalidEvent` for what is no text of 1 to 500 characters and no number. */
export function checkSubject(subject: unknown, what: string): string {
  const text = typeof subject === 'number' ? String(subject) : subject
  if (typeof text === 'string' && /^[^\0]{1,500}$/su.test(text) && text.isWellFormed()) return text
  throw new InvalidEvent(
    `${what} is ${JSON.stringify(subject)?.slice(0, 80)}: the id of a subject is a text of 1 to 500 characters, or a number.`,
  )
}
