/** A Postgres snapshot as text, `xmin:xmax:xip,…`: which transactions a reading of the state could see. */
export interface Snapshot {
  readonly xmin: bigint
  readonly xmax: bigint
  readonly running: ReadonlySet<bigint>
}

const snapshotPattern = /^(\d+):(\d+):((?:\d+(?:,\d+)*)?)$/

/** Parses `pg_current_snapshot()::text`; `undefined` for anything else. */
export function parseSnapshot(text: string): Snapshot | undefined {
  const match = snapshotPattern.exec(text)
  if (!match) return undefined
  const [, xmin = '', xmax = '', running = ''] = match
  return {
    xmin: BigInt(xmin),
    xmax: BigInt(xmax),
    running: new Set(running === '' ? [] : running.split(',').map(BigInt)),
  }
}

/** Whether a committed transaction's writes are in what the snapshot showed (the rule of `pg_visible_in_snapshot`). */
export function isVisible(tx: bigint, snapshot: Snapshot): boolean {
  if (tx < snapshot.xmin) return true
  if (tx >= snapshot.xmax) return false
  return !snapshot.running.has(tx)
}
