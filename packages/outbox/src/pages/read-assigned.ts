import type { Sql } from '@commitcast/worker'
import type { EventsAfter } from './read-pages.ts'

/** What the page log knows of an offset, without its event's data. */
export interface Assigned {
  readonly offset: number
  readonly id: string
  /** Whether the broker refused it, so that a placeholder has its offset. */
  readonly isPlaceholder: boolean
}

/** All pages that hold an offset above `after` and up to `end`, offset by offset, but for those of which retention took some. */
export async function readAssigned(
  sql: Sql,
  { schema, epoch, partition, after, end }: EventsAfter & { readonly end: number },
): Promise<readonly Assigned[]> {
  return sql.query<Assigned>(
    `select assigned."offset"::float8 as "offset", assigned.id, refused."offset" is not null as "isPlaceholder"
     from ${schema}.read_ids($1, $2, $3, $4) as assigned
     left join ${schema}.refused on refused.epoch = $1 and refused.partition = $2 
       and refused."offset" = assigned."offset"
     order by assigned."offset"`,
    [epoch, partition, after, end],
  )
}
