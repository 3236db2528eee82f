import { CommitcastError, type Message } from '@commitcast/events'
import type { Sql } from '@commitcast/worker'
import { gatherPage, type Page, type PageRow } from './page.ts'

export interface EventsAfter {
  readonly schema: string
  readonly epoch: number
  readonly partition: number
  readonly after: number
}

export interface PagesAfter extends EventsAfter {
  /** How many pages to read. Default 1. */
  readonly maxPages?: number
  /** How much of a page to read, in bytes of data and headers; one event in any case. Default all of it. */
  readonly maxBytes?: number
}

/** Events that the page log knows and the outbox no longer has. */
export class EventsGone extends CommitcastError {
  override readonly name = 'EventsGone'
  readonly code = 'EVENTS_GONE'
}

/**
 * The events behind offset `after` in the assigned pages, oldest first, read from the outbox by the page log: the same
 * events at the same offsets as when they were assigned, and placeholders for those that the broker refused. Throws
 * `EventsGone` where retention has taken some of a page.
 */
export async function readPages(sql: Sql, options: PagesAfter): Promise<Page[]> {
  const { schema, epoch, partition, after, maxPages = 1, maxBytes } = options
  try {
    const rows = await sql.query<PageRow>(
      `select page.*, refused."offset" is not null as refused from ${schema}.read_pages($1, $2, $3, $4, $5) as page
       left join ${schema}.refused on refused.epoch = $1 and refused.partition = $2 and refused."offset" = page."offset"`,
      [epoch, partition, after, maxPages, maxBytes ?? null],
    )
    return rows.length === 0 ? [] : [gatherPage(rows)]
  } catch (error) {
    if ((error as { code?: unknown }).code === noData) throw new EventsGone((error as Error).message, { cause: error })
    throw error
  }
}

const noData = 'P0002'

const pieceBytes = 1_000_000

/** The next events behind an offset, none where there are none yet: as many of one page as a process holds easily. */
export async function readNext(sql: Sql, of: EventsAfter): Promise<readonly Message[]> {
  const [page] = await readPages(sql, { ...of, maxBytes: pieceBytes })
  return page?.messages ?? []
}
