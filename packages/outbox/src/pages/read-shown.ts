import type { Sql } from '@commitcast/worker'

/** What a snapshot of the database shows of the topic. */
export interface Shown {
  /** `pg_current_snapshot()` as text. */
  readonly snapshot: string
  readonly epoch: number
  /** Which server answered. */
  readonly server: string
  /**
   * By partition, an offset behind which no event is one that the snapshot shows, now or later; `null` where that is not known
   * yet, as some of these events may have no offset.
   */
  readonly offsets: readonly (number | null)[]
}

/** Reads what a snapshot shows of the topic; default the one of now. */
export async function readShown(sql: Sql, schema: string, snapshot?: string): Promise<Shown> {
  const [row] = await sql.query<Shown>(
    `with of as (select coalesce($1::text::pg_snapshot, pg_current_snapshot()) as snapshot)
     select snapshot::text, epoch, ${schema}.server_identity() as server,
       array(select "offset"::float8 from ${schema}.visible_up_to(snapshot) order by partition) as offsets
     from of cross join ${schema}.topic`,
    [snapshot ?? null],
  )
  return row!
}
