import { lastAssigned } from '@commitcast/outbox'
import type { Sql } from '@commitcast/worker'

/** An event that a group has not applied. */
export interface Unreached {
  readonly id: string
  /**
   * `unassigned`: it has no offset yet, or is no longer kept. `behind`: the group is at an earlier offset. `parked`: it waits for
   * another try. `dropped`: an operator gave it up.
   */
  readonly why: 'unassigned' | 'behind' | 'parked' | 'dropped'
  /** Where it is; of a `behind` one. */
  readonly partition?: number
  readonly offset?: number
  /** The last offset that the group has done there; missing where the group has none in this epoch. */
  readonly groupOffset?: number
}

interface Place {
  readonly epoch: number
  readonly partition: number
  readonly offset: number
}

interface Look {
  /** The topic's epoch. */
  readonly epoch: number
  /** The ends of what was searched. */
  readonly searched: readonly Place[]
  readonly found: readonly (Place & { readonly id: string })[]
  /** How far the group is. */
  readonly group: readonly Place[]
  readonly parked: readonly string[]
  /** Those of them that the relay parked: when they are retried they get another offset. */
  readonly refused: readonly string[]
  readonly dropped: readonly string[]
}

interface Asked {
  readonly schema: string
  readonly group: string
  readonly ids: readonly string[]
}

/** Pages are searched from so long before the events' ids were made, for other processes' clocks. */
const marginMs = 30_000

/**
 * Makes a function that looks, with one query, which events a group has not applied. No index has the ids: the first look
 * searches the pages that were assigned since the oldest id was made, each later one those that are new.
 */
export function readReached(sql: Sql, { schema, group, ids }: Asked): () => Promise<readonly Unreached[]> {
  const asked = [...new Set(ids.map((id) => id.toLowerCase()))]
  const oldest = Math.min(...asked.map(madeAt))
  const places = new Map<string, Place>()
  const searched = new Map<string, Place>()
  let epoch = 0
  return async () => {
    const [row] = await sql.query<{ look: string }>(lookSql(schema), [
      JSON.stringify(asked),
      group,
      JSON.stringify([...searched.values()]),
      Math.max(0, Date.now() - oldest) + marginMs,
      // An event may get another offset in a later epoch.
      places.size < asked.length ? 0 : epoch,
    ])
    const look = JSON.parse(row!.look) as Look
    epoch = look.epoch
    for (const end of look.searched) searched.set(`${end.epoch}/${end.partition}`, end)
    for (const { id, ...place } of look.found) places.set(id, place)
    for (const id of look.refused) places.delete(id)
    const groupAt = new Map(look.group.map((place) => [place.partition, place]))
    const [parked, dropped] = [new Set(look.parked), new Set(look.dropped)]
    return asked.flatMap((id): Unreached[] => {
      const place = places.get(id)
      if (parked.has(id)) return [{ id, why: 'parked' }]
      if (dropped.has(id)) return [{ id, why: 'dropped' }]
      if (!place) return [{ id, why: 'unassigned' }]
      return whereBehind(id, place, groupAt.get(place.partition))
    })
  }
}

function whereBehind(id: string, { epoch, partition, offset }: Place, at: Place | undefined): Unreached[] {
  const isDone = at && (at.epoch > epoch || (at.epoch === epoch && at.offset >= offset))
  if (isDone) return []
  return [{ id, why: 'behind', partition, offset, ...(at?.epoch === epoch && { groupOffset: at.offset }) }]
}

/** When an id was made, by its UUIDv7; of any other id, long ago. */
function madeAt(id: string): number {
  return id[14] === '7' ? Number.parseInt(id.replace('-', '').slice(0, 12), 16) : 0
}

/** Over the ids, the group, the places that were searched, the age from which to search, and the epoch up to which not to. */
function lookSql(s: string): string {
  const last = lastAssigned(s, 'number', 'nth')
  return `
    with asked as (select value::uuid as id from json_array_elements_text($1::text::json)),
    before as (
      select (value ->> 'epoch')::int as epoch, (value ->> 'partition')::int as partition, (value ->> 'offset')::bigint as "offset"
      from json_array_elements($3::text::json)
    ),
    part as (
      select number as epoch, nth::int as partition, ${last} as last, coalesce(
        (select "offset" from before where before.epoch = number and before.partition = nth),
        (select first_offset + count - 1 from ${s}.page
          where page.epoch = number and page.partition = nth and assigned_at < clock_timestamp() - $4::float8 * interval '1 ms'
          order by first_offset desc limit 1),
        0) as after
      from ${s}.topic, generate_series(greatest(1, topic.epoch - 1), topic.epoch) as number,
        generate_series(0, topic.partitions - 1) as nth
      where number > $5::int
    ),
    found as (
      select distinct on (event.id) event.id, part.epoch, part.partition, event."offset"
      from part cross join lateral ${s}.read_ids(part.epoch, part.partition::smallint, part.after, part.last) as event
      where part.last > part.after and event.id in (select id::text from asked)
      order by event.id, part.epoch desc, event."offset" desc
    ),
    at as (
      select distinct on (partition) epoch, partition::int, "offset" from ${s}.group_offset
      where group_name = $2 order by partition, number desc
    )
    select json_build_object(
      'epoch', (select epoch from ${s}.topic),
      'searched', coalesce((select json_agg(json_build_object('epoch', epoch, 'partition', partition, 'offset', greatest(last, after))) from part), '[]'),
      'found', coalesce((select json_agg(found) from found), '[]'),
      'group', coalesce((select json_agg(at) from at), '[]'),
      'parked', coalesce((select json_agg(event_id) from ${s}.parked where group_name in ($2, 'relay') and event_id in (select id from asked)), '[]'),
      'refused', coalesce((select json_agg(event_id) from ${s}.parked where group_name = 'relay' and event_id in (select id from asked)), '[]'),
      'dropped', coalesce((select json_agg(event_id) from ${s}.parked_history
        where action = 'dropped' and group_name in ($2, 'relay') and event_id in (select id from asked)
          and at > clock_timestamp() - $4::float8 * interval '1 ms'), '[]')
    )::text as look`
}
