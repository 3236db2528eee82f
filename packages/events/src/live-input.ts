/**
 * How our client sends a subscription's input, so that a cursor has a place beside it. A plain object is sent with one field
 * more. Any other input travels in `args`, and none at all as an empty one.
 */
export interface LiveInput {
  readonly '~live': { readonly args?: readonly unknown[] }
  /** The cursor to continue from. tRPC's servers write a newer one over it where the connection is re-established. */
  readonly lastEventId?: string
}
