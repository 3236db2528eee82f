import type { Sql } from '@commitcast/worker'
import { readEpochEnd } from '../epoch/epoch-end.ts'
import { type EventsAfter, EventsGone, readPages } from './read-pages.ts'

/**
 * The first offset above `after` whose event the outbox still has, with all that follow it; `undefined` where there is
 * none. Retention takes whole days, so at most a few pages at the edge are looked at in vain.
 */
export async function firstKept(sql: Sql, options: EventsAfter): Promise<number | undefined> {
  const { schema, epoch, partition } = options
  for (let after = options.after; ; ) {
    const [page] = await sql.query<{ first: string; next: string }>(
      `select first_offset as first, first_offset + count as next from ${schema}.page
       where epoch = $1 and partition = $2 and first_offset + count > $3 + 1 and first_offset > 0
         and last_position >= coalesce((select position from ${schema}.outbox where partition = $2 order by position limit 1), 9223372036854775807)
       order by first_offset limit 1`,
      [epoch, partition, after],
    )
    if (!page) return undefined
    try {
      await readPages(sql, { ...options, after: Number(page.first) - 1, maxBytes: 1 })
      return Math.max(Number(page.first), options.after + 1)
    } catch (error) {
      if (!(error instanceof EventsGone)) throw error
      after = Number(page.next) - 1
    }
  }
}

/**
 * The last offset of an epoch whose event the outbox no longer has; `after` where it has the one behind that. What is
 * behind it in the page log can be read.
 */
export async function lastGone(sql: Sql, options: EventsAfter): Promise<number> {
  // Asked before: a page that is given meanwhile is kept.
  const end = await readEpochEnd(sql, options)
  const first = await firstKept(sql, options)
  return first === undefined ? Math.max(options.after, end) : first - 1
}
