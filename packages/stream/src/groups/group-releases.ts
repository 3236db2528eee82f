import { CommitcastError } from '@commitcast/events'
import type { Sql } from '@commitcast/worker'

/** The event types that a group handles, in one release of the application. */
export interface GroupRelease {
  readonly group: string
  readonly types: readonly string[]
  /** The application's own number of this release; a larger one is newer. */
  readonly release?: number | undefined
}

/** A release's row in the table of releases. */
export interface RegisteredRelease {
  readonly group: string
  readonly id: string
  /** Whether an earlier transaction committed it. */
  readonly isCommitted: boolean
}

/**
 * Registers what each of these groups handles. A set of types that was registered before keeps its row, so a process of an
 * older release that restarts stays older; a new set is a newer release. Takes no lock that another transaction may hold.
 */
export async function registerReleases(
  sql: Sql,
  schema: string,
  releases: readonly GroupRelease[],
): Promise<readonly RegisteredRelease[]> {
  const wanted = releases.map(({ group, types, release }) => ({
    group_name: group,
    types: [...types].sort(),
    number: release ?? null,
  }))
  return sql.query<RegisteredRelease>(
    `select group_name as "group", id::text, is_committed as "isCommitted" from ${schema}.register_group_releases($1::text::json)`,
    [JSON.stringify(wanted)],
  )
}

/** An event type that the newest release of a group handles and an older one does not. */
export interface NewerType {
  readonly type: string
  /** The newer releases that handle it and have a member that lives. */
  readonly living: readonly string[]
}

/** Which of `types` the group's newest release handles, where that is not the release `id` of the caller. */
export async function findNewerTypes(
  sql: Sql,
  { schema, group, id, types, ttlMs }: FindNewerOptions,
): Promise<readonly NewerType[]> {
  const rows = await sql.query<{ type: string; living: string }>(newerSql(schema), [
    liveGroupOf(group),
    group,
    id,
    types,
    ttlMs,
  ])
  return rows.map(({ type, living }) => ({ type, living: JSON.parse(living) as string[] }))
}

export interface FindNewerOptions {
  readonly schema: string
  /** The group whose members count: a rebuild's shadow has members of its own. */
  readonly group: string
  readonly id: string
  readonly types: readonly string[]
  /** How long a member that says nothing counts as living. */
  readonly ttlMs: number
}

function newerSql(s: string): string {
  return `
    select type, (
      select coalesce(json_agg(distinct release.id::text), '[]')::text
      from ${s}.active_members($2, $5) as member join ${s}.group_release as release on release.id = member.release
      where release.group_name = $1 and type = any(release.types)
        and (release.number, release.id) > (select number, id from ${s}.group_release where id = $3)
    ) as living
    from (
      select id, types from ${s}.group_release where group_name = $1 order by number desc, id desc limit 1
    ) as newest cross join unnest($4::text[]) as type
    where newest.id <> $3 and type = any(newest.types)`
}

/** The group that a rebuild's shadow belongs to; any other group's own name. */
export function liveGroupOf(group: string): string {
  return group.split('~')[0]!
}

/** A worker that lives handles the type, so it was not forgotten; the message names the worker. */
export class ForgetRefused extends CommitcastError {
  override readonly name = 'ForgetRefused'
  readonly code = 'FORGET_REFUSED'
}

/**
 * Takes a type out of what a group's releases handle, so that workers which do not know it pass over its events from now
 * on. Returns whether a release handled it. Throws `ForgetRefused` while a member of such a release lives: its workers
 * handle the events.
 */
export async function forgetType(
  sql: Sql,
  { schema, group, type }: { readonly schema: string; readonly group: string; readonly type: string },
): Promise<boolean> {
  const [row] = await sql.query<{ owner: string | null; forgotten: number }>(forgetSql(schema), [group, type])
  if (row?.owner) {
    throw new ForgetRefused(
      `The worker ${row.owner} of the group ${JSON.stringify(group)} handles ${JSON.stringify(type)}: nothing waits for it. Stop the workers of its release first.`,
    )
  }
  return (row?.forgotten ?? 0) > 0
}

function forgetSql(s: string): string {
  return `
    with living as (
      select owner from ${s}.member join ${s}.group_release as release on release.id = member.release
      where release.group_name = $1 and $2 = any(types) and seen_at > clock_timestamp() - interval '10 seconds' limit 1
    ), forgotten as (
      update ${s}.group_release set types = array_remove(types, $2)
      where group_name = $1 and $2 = any(types) and not exists (select from living) returning id
    )
    select (select owner from living) as owner, (select count(*)::int from forgotten) as forgotten`
}
