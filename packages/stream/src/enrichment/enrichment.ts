import type { CommittedEvent } from '@commitcast/events'

/**
 * How one kind of metadata is found: the id that an event needs, or several, and one bulk look-up for many ids. `TIds` is what
 * `id` returns; for an array the metadata is a list. See `MetadataOf`.
 */
export interface Enricher<TEvent, TIds, TFound> {
  /**
   * The id to look up, an array of them, or `undefined` where the event needs none of this kind. Ids are compared as the keys of
   * a Map: take strings, numbers or bigints. Two Dates or objects are two ids, however alike. Where it throws, that event goes
   * out without this kind.
   */
  readonly id: (event: TEvent) => TIds | undefined
  /**
   * Called once per batch with each id once; where there are more than 5,000, once per 5,000. An id that is not in the result
   * leaves the metadata missing.
   *
   * Where it rejects because a server is away, its partition waits. Otherwise it is called again with halves, until it is
   * known which ids are bad: their events go out without this kind, the others with it. Where it fails for every id, it is
   * not an id that is bad, and the partition waits.
   */
  readonly load: (ids: readonly IdOf<TIds>[]) => Promise<ReadonlyMap<NoInfer<IdOf<TIds>>, TFound>>
  /** Keeps what was found. Default: every batch looks up what it needs. */
  readonly cache?: CacheOptions<TEvent, NoInfer<IdOf<TIds>>>
}

/** One id of what `id` of an enricher returns. */
export type IdOf<TIds> = Exclude<TIds extends readonly (infer TId)[] ? TId : TIds, null | undefined>

/**
 * What an event gets: for one id what was found; for an array of ids the list of what was found, in the order of the ids, with
 * the missing ones left out.
 */
export type MetadataOf<TIds, TFound> = TIds extends readonly unknown[] ? readonly TFound[] : TFound

/** Of a kind of metadata that is personal. */
export interface PersonalOf<TEvent> {
  /**
   * Whose personal data it is: the id of the subject, as in the catalogue. What was found is encrypted in the live message, and
   * readers get `Erased` once the subject is erased.
   */
  readonly personal: (event: TEvent) => string | number
}

/** What a worker keeps of one kind of metadata, in its memory. What was not found is not kept. */
export interface CacheOptions<TEvent, TId> {
  /** The least recently used goes first. */
  readonly maxEntries: number
  /** How long it is used after it was loaded, so also how old metadata can get. */
  readonly ttlMs: number
  /**
   * By event type, the id, or ids, that are looked up anew from this event on. Only the worker that this event comes to forgets
   * them, when it comes to it: another worker, which has other partitions, uses what it has for up to `ttlMs`.
   */
  readonly invalidateOn?: {
    readonly [TType in TypeOf<TEvent>]?: (
      event: Extract<TEvent, { readonly type: TType }>,
    ) => TId | readonly TId[] | undefined
  }
}

type TypeOf<TEvent> = TEvent extends { readonly type: infer TType extends string } ? TType : never

/** What the stream worker does for every event: metadata by look-up, and its channels. */
export interface Enrichment<TEvent = CommittedEvent> {
  /** By kind of metadata. */
  readonly enrichers: Readonly<Record<string, Enricher<TEvent, unknown, unknown> & Partial<PersonalOf<TEvent>>>>
  /**
   * `order:42`, `catalog`; none means that no client receives this event. Where it throws, the partition waits at this event:
   * its receivers are not known.
   */
  readonly channels: (event: TEvent) => readonly string[]
}
