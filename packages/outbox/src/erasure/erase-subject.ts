import type { Sql } from '@commitcast/worker'
import { checkSubject } from './check-subject.ts'

/**
 * Destroys the key of a subject, for ever, and deletes the snapshots that hold its personal fields in clear, in the transaction of
 * `sql`. Says whether it was not erased before.
 */
export async function eraseSubject(
  sql: Sql,
  { schema, subject }: { readonly schema: string; readonly subject: string },
): Promise<boolean> {
  const id = checkSubject(subject, 'The subject to be erased')
  const rows = await sql.query(
    `insert into ${schema}.subject_key as stored (subject, erased_at, erased_tx) values ($1, clock_timestamp(), pg_current_xact_id())
     on conflict (subject) do update set wrapped = null, erased_at = excluded.erased_at, erased_tx = excluded.erased_tx
     where stored.erased_at is null returning subject`,
    [id],
  )
  // In a statement of its own: the one before waits for the storing of a snapshot, and this one sees it.
  await sql.query(`delete from ${schema}.aggregate_snapshot where subjects @> array[$1::text]`, [id])
  return rows.length > 0
}

/** Who was erased, and up to when that is known. */
export interface Erasures {
  /** `pg_current_snapshot()` of the reading. */
  readonly snapshot: string
  readonly subjects: readonly string[]
}

/** Reads the subjects whose erasure a snapshot did not show yet; without one, none. */
export async function readErasures(sql: Sql, schema: string, since?: string): Promise<Erasures> {
  const [row] = await sql.query<{ snapshot: string; subjects: string }>(
    `select pg_current_snapshot()::text as snapshot, coalesce((
       select json_agg(subject) from ${schema}.subject_key
       where erased_tx >= pg_snapshot_xmin($1::text::pg_snapshot) and not pg_visible_in_snapshot(erased_tx, $1::text::pg_snapshot)
     ), '[]')::text as subjects`,
    [since ?? null],
  )
  return { snapshot: row!.snapshot, subjects: JSON.parse(row!.subjects) }
}
