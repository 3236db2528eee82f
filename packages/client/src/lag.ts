/**
 * How late events are, in ms: the time since each was appended, compared with the one that took the shortest. So the clocks
 * of database and browser need not agree, and what always passes between a commit and the screen is not in it.
 */
export interface Lag {
  /** Of the newest event; `undefined` before the first. */
  readonly ms: number | undefined
  /** Notes an event that came now. */
  note(headers: { readonly time: string }): void
}

export function createLag(now: () => number = Date.now): Lag {
  let shortest = Number.POSITIVE_INFINITY
  let ms: number | undefined
  return {
    get ms() {
      return ms
    },
    note({ time }) {
      const age = now() - Date.parse(time)
      if (Number.isNaN(age)) return
      shortest = Math.min(shortest, age)
      ms = age - shortest
    },
  }
}
