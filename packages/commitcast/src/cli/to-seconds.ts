/** A time in ISO 8601, to the second. */
export function toSeconds(time: string): string {
  return `${time.slice(0, 19)}Z`
}
