/** Throws RangeError for a limit that is no whole number from 1 on. */
export function checkLimit(name: string, value: number): void {
  if (Number.isSafeInteger(value) && value > 0) return
  throw new RangeError(`${name} is ${value}: give a whole number from 1 on, or leave it out.`)
}
