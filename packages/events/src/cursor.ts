/**
 * A client's place: which incarnation of the topic, the last offset seen in each partition and, for a state-first
 * subscription, the snapshot that its state was read at. Valid on every API node. Opaque to clients.
 */
export interface Cursor {
  readonly epoch: number
  readonly offsets: readonly number[]
  /** `pg_current_snapshot()` as text. */
  readonly snapshot?: string
  /** The database's timeline when the snapshot was taken; a fail-over makes a later one. */
  readonly timeline?: number
}

const cursorPattern =
  /^1\.([0-9a-z]{1,8})\.((?:[0-9a-z]{1,11}-)*[0-9a-z]{1,11})(?:\.(\d[\d:,]{0,8000})(?:\.([0-9a-z]{1,7}))?)?(?:~[\w-]{1,64})?$/

/** One compact line: version, epoch and offsets in base 36, then the snapshot and its timeline. */
export function encodeCursor(cursor: Cursor): string {
  const offsets = cursor.offsets.map((offset) => offset.toString(36)).join('-')
  const place = `1.${cursor.epoch.toString(36)}.${offsets}`
  const { snapshot, timeline } = cursor
  if (snapshot === undefined) return place
  return timeline === undefined ? `${place}.${snapshot}` : `${place}.${snapshot}.${timeline.toString(36)}`
}

/**
 * The reverse of `encodeCursor`; `undefined` for a text that is no cursor. What follows a `~` (at
 * most 64 letters, digits, `_` and `-`) only distinguishes equal cursors. Never throws.
 */
export function decodeCursor(text: unknown): Cursor | undefined {
  const match = typeof text === 'string' ? cursorPattern.exec(text) : null
  if (!match) return undefined
  const [, epoch = '', places = '', snapshot, timeline] = match
  const offsets = places.split('-').map((place) => Number.parseInt(place, 36))
  if (!offsets.every(Number.isSafeInteger)) return undefined
  return {
    epoch: Number.parseInt(epoch, 36),
    offsets,
    ...(snapshot !== undefined && { snapshot }),
    ...(timeline !== undefined && { timeline: Number.parseInt(timeline, 36) }),
  }
}
