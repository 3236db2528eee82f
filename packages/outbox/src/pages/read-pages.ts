import type { Sql } from '@commitcast/worker'
import { gatherPage, type Page, type PageRow } from './page.ts'

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
