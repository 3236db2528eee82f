import { isoTime, lastGiven } from '@commitcast/outbox'
import type { Sql } from '@commitcast/worker'

/** A rebuild that goes on. */
export interface Rebuild {
  readonly id: string
  readonly group: string
  /** The group that builds the shadow. */
  readonly shadowGroup: string
  readonly shadowSchema: string
  readonly fromKept: boolean
  readonly askedAt: Date
  /** The tables that are built anew; missing until a worker has begun. */
  readonly tables?: readonly string[]
  /** How many events the live group has done and the shadow has not. Missing where the shadow is ahead or not begun. */
  readonly behind?: number
  /** How many events are parked, of the live group and of the shadow. The switch waits until none is. */
  readonly parked: number
  /** What it waits for. */
  readonly trouble?: string
}

/** The rebuilds that go on, and how far they are; of one group, or of all. */
export async function listRebuilds(sql: Sql, options: { schema: string; group?: string }): Promise<Rebuild[]> {
  const { schema, group } = options
  const rows = await sql.query<Row>(listSql(schema), [group ?? null])
  return rows.map(({ askedAt, behind, tables, trouble, ...row }) => ({
    ...row,
    askedAt: new Date(askedAt),
    ...(tables !== null && { tables: JSON.parse(tables) as string[] }),
    ...(behind !== null && { behind: Number(behind) }),
    ...(trouble !== null && { trouble }),
  }))
}

interface Row extends Omit<Rebuild, 'askedAt' | 'tables' | 'behind' | 'trouble'> {
  readonly askedAt: string
  readonly tables: string | null
  readonly behind: string | null
  readonly trouble: string | null
}

/** An epoch that has ended counts up to its end: two places with no event between them are one. */
function listSql(s: string): string {
  const newest = (group_name: string) =>
    `(select distinct on (partition) partition, epoch, "offset" from ${s}.group_offset where group_name = ${group_name}
      order by partition, number desc)`
  return `
    select id::text, group_name as "group", shadow_group as "shadowGroup", shadow_schema as "shadowSchema",
      from_kept as "fromKept", ${isoTime('requested_at')} as "askedAt", to_json(tables)::text as tables, trouble,
      (select count(*)::int from ${s}.parked where group_name in (rebuild.group_name, shadow_group)) as parked,
      (select case when bool_and((built.epoch, built."offset") <= (live.epoch, live."offset")) then sum((
          select sum(case when e = live.epoch then live."offset" else ${lastGiven(s, 'e', 'live.partition')} end
            - case when e = built.epoch then built."offset" else 0 end)
          from generate_series(built.epoch, live.epoch) as e)) end
        from ${newest('rebuild.group_name')} as live join ${newest('shadow_group')} as built using (partition))::text as behind
    from ${s}.rebuild where $1::text is null or group_name = $1 order by id`
}
