/** Enough of an order's id for people to distinguish orders. The end: a UUIDv7 begins with the time. */
export function shortId(id: string): string {
  return id.slice(-6)
}
