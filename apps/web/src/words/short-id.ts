/** Enough of an order's id for people to tell orders apart. The end: a UUIDv7 begins with the time. */
export function shortId(id: string): string {
  return id.slice(-6)
}
