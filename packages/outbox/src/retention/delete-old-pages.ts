import type { Sql } from '@commitcast/worker'

export interface OldPagesOptions {
  readonly schema: string
  readonly epoch: number
  readonly partition: number
  readonly batch: number
  readonly signal?: AbortSignal
}

/**
 * Deletes a partition's pages in one epoch from the oldest on, a batch per commit, up to the first that may still have an event in the
 * outbox: all positions of a page are at most its last one, so a page whose last is below every position that is left has
 * none. The newest page is the partition's progress and stays, however old. Notes of refused offsets go with their page.
 * Returns how many pages went.
 */
export async function deleteOldPages(sql: Sql, options: OldPagesOptions): Promise<number> {
  const { schema, epoch, partition, batch, signal } = options
  let deleted = 0
  for (let after = 0; !signal?.aborted; ) {
    const rows = await sql.query<{ count: number; last: string | null }>(deleteSql(schema), [
      partition,
      after,
      batch,
      epoch,
    ])
    const { count = 0, last = null } = rows[0] ?? {}
    deleted += count
    if (count < batch || last === null) break
    after = Number(last)
  }
  return deleted
}

/** Continues after the last one deleted: what is dead before it is not walked over again. */
function deleteSql(s: string): string {
  return `
    with oldest as (
      select page.ctid as row, page.last_position, page.first_offset
      from ${s}.page
      where page.epoch = $4 and page.partition = $1 and page.first_offset > $2
        and page.first_offset < (
          select first_offset from ${s}.page
          where page.epoch = $4 and page.partition = $1 order by first_offset desc limit 1)
      order by page.first_offset limit $3
    ), gone as (
      select row, bool_and(last_position < coalesce((
          select position from ${s}.outbox where outbox.partition = $1 order by position limit 1), 9223372036854775807))
        over (order by first_offset) as is_gone
      from oldest
    ), deleted as (
      delete from ${s}.page where ctid = any (array(select row from gone where is_gone))
      returning first_offset, first_offset + count as next_offset
    ), notes as (
      delete from ${s}.refused
      where refused.epoch = $4 and refused.partition = $1 and "offset" < (select max(next_offset) from deleted)
    )
    select count(*)::int as count, max(first_offset)::text as last from deleted`
}
