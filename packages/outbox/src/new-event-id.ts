import { v7 } from 'uuid'

/** A new id for an event: a UUIDv7, which sorts by time. */
export function newEventId(): string {
  return v7()
}
