/**
 * This machine's clock in milliseconds since 1970, finer than `Date`: set by the moment at which `Date` ticks, and kept
 * within its millisecond from then on, for the two may drift apart. The broker on the same machine stamps by the same clock.
 */
export function createWallClock(): () => number {
  let offset = Number.NEGATIVE_INFINITY
  for (let ticks = 0; ticks < 5; ticks++) {
    const before = Date.now()
    let now = before
    while (now === before) now = Date.now()
    offset = Math.max(offset, now - performance.now())
  }
  return () => {
    const coarse = Date.now()
    const fine = Math.min(Math.max(performance.now() + offset, coarse), coarse + 1)
    offset = fine - performance.now()
    return fine
  }
}
