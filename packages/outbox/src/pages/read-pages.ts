import type { Sql } from '@commitcast/worker'
import { eventTexts, gatherPage, type Page, type PageRow, pageColumns } from './page.ts'
import { windowEvents, windowSettings } from './window-events.ts'

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
 * at the same offsets as when they were given, and placeholders for those that the broker refused. Throws `EventsGone`
 * where retention has taken some of them.
 */
export async function readPages(sql: Sql, options: PagesAfter): Promise<Page[]> {
  const { schema, epoch, partition, after, maxPages = 1 } = options
  try {
    const rows = await sql.query<PageRow>(
      `select page.*, "offset" is not null as refused from ${schema}.read_pages($1, $2, $3, $4) as page
       left join ${schema}.refused on refused.epoch = $1 and refused.partition = $2 and "offset" = place`,
      [epoch, partition, after, maxPages],
    )
    return rows.length === 0 ? [] : [gatherPage(rows)]
  } catch (error) {
    if ((error as { code?: unknown }).code === noData) throw new EventsGone((error as Error).message, { cause: error })
    throw error
  }
}

const noData = 'P0002'

/** The function behind `readPages`. */
export function readPagesFunction(s: string): string {
  return `
create function ${s}.read_pages(of_epoch int, of_partition smallint, after_offset bigint, max_pages int)
returns table (${pageColumns})
language plpgsql stable ${windowSettings} as $$
#variable_conflict use_column
declare
  page record;
  found_events bigint;
  max_events int;
begin
  for page in
    select * from ${s}.page
    where page.epoch = of_epoch and page.partition = of_partition and page.first_offset + page.count > after_offset + 1
      and page.first_offset >= coalesce((
        select page.first_offset from ${s}.page
        where page.epoch = of_epoch and page.partition = of_partition and page.first_offset <= after_offset + 1
        order by page.first_offset desc limit 1), 0)
    order by page.first_offset limit max_pages
  loop
    max_events := page.count;
    return query
    select page.epoch, of_partition, page.first_offset + row_number() over (order by position) - 1, ${eventTexts}
    from (
      select of_partition as partition, page.from_snapshot, page.from_next, page.to_snapshot,
        page.floor as floor_position, page.after_position
    ) as place
    cross join lateral (${windowEvents(s)}) as event where position <= page.last_position order by position;
    get diagnostics found_events = row_count;
    if found_events <> page.count then
      raise exception 'The page log gives % events from offset % of partition %; the outbox has % of them.',
        page.count, page.first_offset, of_partition, found_events using errcode = 'no_data_found';
    end if;
  end loop;
end $$;`
}
