/** Returns `value`. Throws `RangeError`, which calls it `what`, unless it is a whole number from `least` to `most`. */
export function checkWholeNumber(
  what: string,
  value: number,
  { least = 1, most = Number.MAX_SAFE_INTEGER }: { readonly least?: number; readonly most?: number } = {},
): number {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value
  const range = most === Number.MAX_SAFE_INTEGER ? `from ${least} on` : `from ${least} to ${most}`
  throw new RangeError(`${what} is ${value}: give a whole number ${range}.`)
}
