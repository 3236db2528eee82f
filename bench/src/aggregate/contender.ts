/** An event store, with rooms in which something is said. */
export interface Contender {
  /** Appends so many events at once to a room that has `version` events. */
  append(room: string, version: number, count: number): Promise<unknown>
  /** Makes the state of a room; returns how many events it shows. */
  load(room: string): Promise<number>
  close(): Promise<void>
}

/** About 300 bytes of JSON. */
export const said = { author: 'ada', text: 'x'.repeat(260) }

/** The state of a room, the same for all. */
export interface Room {
  readonly count: number
  readonly last: string
}

export const initialRoom = (): Room => ({ count: 0, last: '' })

export function afterSaid({ count }: Room, { text }: { readonly text: string }): Room {
  return { count: count + 1, last: text }
}
