import type { Sql } from '@commitcast/worker'
import { checkSubject } from './check-subject.ts'

/** Destroys the key of a subject, for ever, in the transaction of `sql`. Says whether it was not erased before. */
export async function eraseSubject(
  sql: Sql,
  { schema, subject }: { readonly schema: string; readonly subject: string },
): Promise<boolean> {
  const rows = await sql.query(
    `insert into ${schema}.subject_key as stored (subject, erased_at, erased_tx) values ($1, clock_timestamp(), pg_current_xact_id())
     on conflict (subject) do update set wrapped = null, erased_at = excluded.erased_at, erased_tx = excluded.erased_tx
     where stored.erased_at is null returning subject`,
    [checkSubject(subject, 'The subject to be erased')],
  )
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
