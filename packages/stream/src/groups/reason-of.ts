import type { Message } from '@commitcast/events'
import { isPersonal } from '@commitcast/outbox'
import { errorText } from '@commitcast/worker'

/**
 * Why an event failed, as tables and health say it. Of an event with personal fields only the error's name and code: its own words
 * may quote them, and would outlast an erasure. They are in the log.
 */
export function reasonOf(error: unknown, message: Message): string {
  if (!isPersonal(message)) return errorText(error)
  const { name, code } = (error ?? {}) as { readonly name?: unknown; readonly code?: unknown }
  const parts = [name, code].filter((part) => typeof part === 'string' && /^[A-Za-z0-9_]{1,60}$/.test(part))
  return `${[...new Set(parts)].join(' ') || 'An error'}. The event has personal fields: what the error says is in the worker's log only.`
}
