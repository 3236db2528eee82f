import type { Sql } from '@commitcast/worker'

export interface OldAnswersOptions {
  readonly schema: string
  /** How long answers are kept. Default three days. */
  readonly keepMs?: number
  /** How many go in one commit. Default 5,000. */
  readonly batch?: number
  readonly signal?: AbortSignal
}

const threeDaysMs = 3 * 86_400_000

/** Deletes old answers, a batch per commit, without waiting for locks. Returns how many went. */
export async function deleteOldAnswers(sql: Sql, options: OldAnswersOptions): Promise<number> {
  const { schema, keepMs = threeDaysMs, batch = 5_000, signal } = options
  let deleted = 0
  while (!signal?.aborted) {
    const gone = await sql.query(
      `delete from ${schema}.answer where ctid = any (array(
         select ctid from ${schema}.answer where made_at < clock_timestamp() - $1 * interval '1 millisecond'
         order by made_at limit $2 for update skip locked)) returning 1`,
      [keepMs, batch],
    )
    deleted += gone.length
    if (gone.length < batch) break
  }
  return deleted
}
