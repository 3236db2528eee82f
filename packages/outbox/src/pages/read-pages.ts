import type { Sql } from '@commitcast/worker'
import { type Page, type PageRow, pageColumns, toPages } from './page.ts'
import { eventTexts, windowEvents } from './window-events.ts'

export interface PagesAfter {
  readonly schema: string
  readonly epoch: number
  readonly partition: number
  readonly after: number
  /** How many pages to read. Default 1. */
  readonly maxPages?: number
}

/** Events that the page log knows and the outbox no longer has. */
export class EventsGone extends Error {
  override readonly name = 'EventsGone'
  readonly code = 'EVENTS_GONE'
}

/**
 * The given pages that hold an offset above `after`, oldest first, read from the outbox by the page log: the same events
 * at the same offsets as when they were given. Throws `EventsGone` where retention has taken some of them.
 */
export async function readPages(sql: Sql, options: PagesAfter): Promise<Page[]> {
  const { schema, epoch, partition, after, maxPages = 1 } = options
  const rows = await sql.query<PageRow & { count: number }>(`select * from ${schema}.read_pages($1, $2, $3, $4)`, [
    epoch,
    partition,
    after,
    maxPages,
  ])
  const pages = toPages(rows)
  const counts = new Map(rows.map((row) => [Number(row.first_offset), row.count]))
  for (const page of pages) {
    const count = counts.get(page.firstOffset)
    if (page.messages.length === count) continue
    throw new EventsGone(
      `The page log says ${count} events from offset ${page.firstOffset} of partition ${partition}, the outbox has ${page.messages.length} of them.`,
    )
  }
  return pages
}

/** The function behind `readPages`. */
export function readPagesFunction(s: string): string {
  const events = windowEvents(s, {
    partition: 'page.partition',
    from: 'page.from_snapshot',
    fromNext: 'page.from_next',
    to: 'page.to_snapshot',
    floor: 'page.floor',
    after: 'page.after_position',
    limit: 'page.count',
  })
  return `
create function ${s}.read_pages(of_epoch int, of_partition smallint, after_offset bigint, max_pages int)
returns table (${pageColumns}, count int)
language plpgsql stable set jit = off as $$
#variable_conflict use_column
begin
  return query
    select page.epoch, page.partition, page.first_offset,
      row_number() over (partition by page.first_offset order by event.position) as nth, ${eventTexts}, page.count
    from (
      select * from ${s}.page
      where epoch = of_epoch and partition = of_partition and first_offset >= coalesce((
        select first_offset from ${s}.page
        where epoch = of_epoch and partition = of_partition and first_offset <= after_offset + 1
        order by first_offset desc limit 1), 0)
        and first_offset + count > after_offset + 1
      order by first_offset limit max_pages
    ) as page
    cross join lateral ${events} as event
    order by page.first_offset, nth;
end $$;`
}
