import type { EventHeaders } from '@commitcast/events'

/** A command as the server knows it: who it is, so that it is done once and its events name it. */
export interface Command {
  /** The causation id of its events. */
  readonly id: string
  /** The idempotency key. Absent where the client sent none: then each try is a command of its own. */
  readonly key?: string
  /** Of what was asked, so that a key that is used again for something else is refused. */
  readonly fingerprint?: string
  /** Shared by everything that one click set off. */
  readonly correlationId: string
  /** The id of the event that led to the command. */
  readonly causationId?: string
}

/** The headers of the events that a command leads to: `append(trx, { …, headers: causationOf(command) })`. */
export function causationOf({
  id,
  correlationId,
}: Command): Required<Pick<EventHeaders, 'correlationId' | 'causationId'>> {
  return { correlationId, causationId: id }
}
