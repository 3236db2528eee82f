import { isoTime, lastAssigned } from '@commitcast/outbox'
import type { Sql } from '@commitcast/worker'

/** A rebuild in progress. */
export interface Rebuild {
  readonly id: string
  readonly group: string
  /** The group that builds the shadow. */
  readonly shadowGroup: string
  readonly shadowSchema: string
  readonly fromKept: boolean
  readonly requestedAt: Date
  /** The tables that are built anew; missing until a worker has begun. */
  readonly tables?: readonly string[]
  /** How many events the live group has done and the shadow has not. Missing where the shadow is ahead or not begun. */
  readonly behind?: number
  /** How many events are parked, of the live group and of the shadow. The switch waits until none is. */
  readonly parked: number
  /** What it waits for. */
  readonly waitingFor?: string
}

/** The rebuilds in progress, and how far they are; of one group, or of all. */
export async function listRebuilds(sql: Sql, options: { schema: string; group?: string }): Promise<Rebuild[]> {
  const { schema, group } = options
  const rows = await sql.query<Row>(listSql(schema), [group ?? null])
  return rows.map(({ requestedAt, behind, tables, waitingFor, ...row }) => ({
    ...row,
    requestedAt: new Date(requestedAt),
    ...(tables !== null && { tables: JSON.parse(tables) as string[] }),
    ...(behind !== null && { behind: Number(behind) }),
    ...(waitingFor !== null && { waitingFor }),
  }))
}

interface Row extends Omit<Rebuild, 'requestedAt' | 'tables' | 'behind' | 'waitingFor'> {
  readonly requestedAt: string
  readonly tables: string | null
  readonly behind: string | null
  readonly waitingFor: string | null
}

/** An epoch that has ended counts up to its end: two offsets with no event between them are one. */
function listSql(s: string): string {
  const newest = (group: string) =>
    `(select distinct on (partition) partition, epoch, "offset" from ${s}.group_offset where group_name = ${group}
      order by partition, number desc)`
  return `
    select id::text, group_name as "group", shadow_group as "shadowGroup", shadow_schema as "shadowSchema",
      from_kept as "fromKept", ${isoTime('requested_at')} as "requestedAt", to_json(tables)::text as tables, waiting_for as "waitingFor",
      (select count(*)::int from ${s}.parked where group_name in (rebuild.group_name, shadow_group)) as parked,
      (select case when bool_and((built.epoch, built."offset") <= (live.epoch, live."offset")) then sum((
          select sum(case when e = live.epoch then live."offset" else ${lastAssigned(s, 'e', 'live.partition')} end
            - case when e = built.epoch then built."offset" else 0 end)
          from generate_series(built.epoch, live.epoch) as e)) end
        from ${newest('rebuild.group_name')} as live join ${newest('shadow_group')} as built using (partition))::text as behind
    from ${s}.rebuild where $1::text is null or group_name = $1 order by id`
}
