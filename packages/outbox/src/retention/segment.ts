import type { Sql } from '@commitcast/worker'

/** One day's table of the outbox that is due to go. */
export interface Segment {
  readonly name: string
  /** With its schema, quoted for statements. */
  readonly table: string
  /** Nothing can be appended to it any more. */
  readonly closed: boolean
  /** Where it stands on its way out of the outbox; `detaching` was interrupted and has to be finalised. */
  readonly place: 'attached' | 'detaching' | 'detached'
}

/**
 * The segments that are due: whose range ended more than `keepMs` ago by the database's clock, and those that an earlier
 * call has begun to take away. Oldest first.
 *
 * The clock alone is not believed: one that is wrong for an hour would take everything. For each day that a segment is kept there
 * has to be one that is younger and over; they are made day by day, so that many days have passed. After a pause in which
 * none was made the old ones stay that much longer.
 */
export async function findDueSegments(sql: Sql, schema: string, keepMs: number): Promise<readonly Segment[]> {
  return sql.query<Segment>(
    `with segment as (
       select c.relname::text as name, format('%I.%I', n.nspname, c.relname) as "table",
         exists (select from pg_trigger t where t.tgrelid = c.oid and t.tgname = 'outbox_closed') as closed,
         case when i.inhrelid is null then 'detached' when i.inhdetachpending then 'detaching' else 'attached' end as place,
         case when i.inhrelid is not null then ${schema}.segment_end(c.oid) end as range_end
       from pg_class c
       join pg_namespace n on n.oid = c.relnamespace and n.nspname = $1
       left join pg_inherits i on i.inhrelid = c.oid and i.inhparent = to_regclass($1 || '.outbox')
       where c.relkind = 'r'
     )
     select name, "table", closed, place from segment
     where case place when 'attached' then range_end < clock_timestamp() - make_interval(secs => $2)
       and (select count(*) from segment as younger where younger.range_end > segment.range_end and younger.range_end <= clock_timestamp())
         >= floor($2 / 86400.0)
       else closed end
     order by place = 'attached', range_end, name`,
    [schema, Number.isFinite(keepMs) ? keepMs / 1_000 : null],
  )
}
