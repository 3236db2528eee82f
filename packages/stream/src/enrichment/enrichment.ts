import type { CommittedEvent } from '@commitcast/events'

/** How one kind of metadata is found: the id an event needs, and one bulk look-up for many ids. */
export interface Enricher<TEvent, TId, TMetadata> {
  /** The id to look up, or `undefined` where the event needs none of this kind. */
  readonly id: (event: TEvent) => TId | undefined
  /** Called once per batch with each id once. An id that is not in the result leaves the metadata missing. */
  readonly load: (ids: readonly TId[]) => Promise<ReadonlyMap<TId, TMetadata>>
}

/** What the stream worker does for every event: metadata by look-up, and the channels that hear of it. */
export interface Enrichment<TEvent = CommittedEvent> {
  /** By kind of metadata. */
  readonly enrichers: Readonly<Record<string, Enricher<TEvent, unknown, unknown>>>
  /** `order:42`, `catalog`; none means that nobody follows this event. */
  readonly channels: (event: TEvent) => readonly string[]
}

/** Runs every enricher over a batch: one look-up per kind, ids deduplicated, kinds side by side. */
export async function lookUp(
  events: readonly CommittedEvent[],
  { enrichers }: Enrichment,
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const metadata: Record<string, unknown>[] = events.map(() => ({}))
  await Promise.all(
    Object.entries(enrichers).map(async ([kind, enricher]) => {
      const ids = events.map((event) => enricher.id(event))
      const wanted = [...new Set(ids.filter((id) => id !== undefined && id !== null))]
      if (wanted.length === 0) return
      const found = await enricher.load(wanted)
      ids.forEach((id, index) => {
        const value = found.get(id)
        if (value !== undefined) metadata[index]![kind] = value
      })
    }),
  )
  return metadata
}
