import superjson from 'superjson'

/** superjson's notes on values that JSON has no type for (Date, Map, BigInt, …). */
export type TypeNotes = NonNullable<ReturnType<typeof superjson.serialize>['meta']>

/** Splits a value into plain JSON and, only where it holds more than JSON can say, the notes to restore it. */
export function noteTypes(value: unknown): { json: unknown; notes?: TypeNotes } {
  const { json, meta } = superjson.serialize(value)
  return meta ? { json, notes: meta } : { json }
}

/** The reverse of `noteTypes`. Takes `json` over: it may be changed in place. */
export function restoreTypes(json: unknown, notes: TypeNotes | undefined): unknown {
  return notes === undefined ? json : superjson.deserialize({ json: json as never, meta: notes }, { inPlace: true })
}
