import { encodeNoted } from '@commitcast/events'
import { checkWholeNumber, errorText, type Logger, type Sql } from '@commitcast/worker'
import type { SnapshotOptions } from './aggregate.ts'
import type { Read } from './read-stream.ts'

export interface StoreSnapshotsOptions {
  readonly aggregate: string
  readonly schema: string
  readonly reducer: number
  readonly snapshot: SnapshotOptions | undefined
  readonly logger: Logger
}

/** How many are written at once; one more is left out, and the next reading of its aggregate offers it again. */
const maxAtOnce = 4

/** Stores snapshots in the background. */
export interface StoreSnapshots {
  /** Stores a committed state where one is due. The state is encoded at once, so it may change afterwards. Never throws. */
  offer(sql: Sql, key: string, read: Read<unknown>): void
  /** Resolves when what is under way has ended. */
  settled(): Promise<void>
}

export function createStoreSnapshots(options: StoreSnapshotsOptions): StoreSnapshots {
  const { aggregate, schema, reducer, snapshot = {}, logger } = options
  const every = checkWholeNumber(`aggregate "${aggregate}": snapshot.every`, snapshot.every ?? 100)
  const { afterMs = Number.POSITIVE_INFINITY } = snapshot
  if (!(afterMs > 0))
    throw new RangeError(`aggregate "${aggregate}": snapshot.afterMs is ${afterMs}: give more than 0.`)
  const underWay = new Map<string, Promise<void>>()
  const text = storeSql(schema)

  const isDue = ({ version, snapshotVersion, firstTime }: Read<unknown>) => {
    if (version - snapshotVersion >= every) return true
    return version > snapshotVersion && firstTime !== undefined && Date.now() - Date.parse(firstTime) > afterMs
  }
  const failed = (key: string, version: number, err: unknown) =>
    logger.warn(
      { code: 'AGGREGATE_SNAPSHOT_FAILED', aggregate, key, version, err, reason: errorText(err) },
      'a snapshot was not stored; loading reads more events',
    )
  return {
    offer(sql, key, read) {
      const { version, state, subjects } = read
      if (!isDue(read) || underWay.size >= maxAtOnce || underWay.has(key)) return
      try {
        const { json, notes } = encodeNoted(state)
        const values = [aggregate, key, reducer, version, json, notes, JSON.stringify([...subjects])]
        const storing = sql
          .query(text, values)
          .catch((error) => failed(key, version, error))
          .then(() => void underWay.delete(key))
        underWay.set(key, storing)
      } catch (error) {
        failed(key, version, error)
      }
    },
    async settled() {
      await Promise.all(underWay.values())
    },
  }
}

/**
 * An older state replaces none, but for one that is ahead of the stream. Those of the reducers before the last one go: a
 * release before this one, which may still run, keeps its own.
 *
 * Nothing is stored where one of its subjects is erased, or is being erased. The rows of the subjects are written, so that an
 * erasure that does not see the snapshot waits for it, and fails where its isolation hides the snapshot from it.
 */
function storeSql(s: string): string {
  return `with subject as (
      select array(select json_array_elements_text($7::text::json)) as names
    ), living as (
      update ${s}.subject_key set wrapped = wrapped where subject_key.subject in (
        select found.subject from ${s}.subject_key found where found.subject = any ((select names from subject)::text[])
          and found.erased_at is null for no key update skip locked)
      returning subject_key.subject
    ), gone as (
      delete from ${s}.aggregate_snapshot where aggregate = $1 and key = $2 and reducer < $3::int - 1
    )
    insert into ${s}.aggregate_snapshot as before (aggregate, key, reducer, version, state, notes, subjects)
    select $1, $2, $3::int, $4::bigint, $5::text::json, $6, nullif(names, '{}') from subject
    where cardinality(names) = (select count(*) from living)
    on conflict (aggregate, key, reducer) do update
    set version = excluded.version, state = excluded.state, notes = excluded.notes, subjects = excluded.subjects,
      taken_at = excluded.taken_at
    where before.version <= excluded.version or not exists (
      select from ${s}.aggregate_event event
      where event.aggregate = before.aggregate and event.key = before.key and event.version = before.version)`
}
