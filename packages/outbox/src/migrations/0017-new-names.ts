import { workersRunState } from '../functions/sql-states.ts'
import type { Migration } from './migration.ts'

/**
 * Gives tables, columns, triggers and functions the names of the vocabulary (docs/decisions/0014). Only names change, no
 * row does. Workers of earlier releases know the old names, so it refuses to run while one of them is alive.
 */
export const newNames: Migration = {
  version: 17,
  name: 'new names',
  sql: (s) => `
${refuseWhileWorkersRun(s)}
-- A worker that starts now waits here for its first lease, and then gets an error.
lock table ${s}.member in access exclusive mode;
${refuseWhileWorkersRun(s)}

-- Appends look at this table before they lock any other.
alter table ${s}.sleeper rename to sleeping_relay;
alter table ${s}.stepped_over rename to skipped_event;
alter table ${s}.skipped_event rename stepped_at to skipped_at;
alter materialized view ${s}.home rename to cluster_identity;
alter table ${s}.topic rename leaves_until to segments_until;
alter table ${s}.page rename given_at to assigned_at;
${groupTables.map((table) => `alter table ${s}.${table} rename grp to group_name;`).join('\n')}
alter table ${s}.rebuild rename asked_at to requested_at;
alter table ${s}.rebuild rename trouble to waiting_for;
${renameConstraints(s)}
${renameTriggers(s)}
${renameFunctions(s)}
-- Of workers that compared nothing; some releases left no comment to know it by.
drop function if exists ${s}.commit_offset(text, smallint, bigint, int, bigint);`,
}

const groupTables = ['lease', 'member', 'parked', 'parked_history', 'group_offset', 'group_release', 'rebuild']

/** How long a member of a release that did not say it held its leases. */
const defaultTtlMs = 3_500

function refuseWhileWorkersRun(s: string): string {
  return `declare
  running record;
begin
  select string_agg(distinct grp, ', ' order by grp) as groups, max(seen_at) as seen_at into running from ${s}.member
  where seen_at > clock_timestamp() - make_interval(secs => coalesce(ttl_ms, ${defaultTtlMs}) / 1000.0);
  if running.groups is not null then
    raise exception 'Workers run on the tables in schema "${s}" (%; last seen at %), and migration 17 renames what they use.',
      running.groups, running.seen_at
      using errcode = '${workersRunState}',
        hint = 'Stop all workers (relay, stream, and those of consumer groups), then migrate again. Nothing was changed.';
  end if;
end;`
}

const namesInConstraints = [
  ['sleeper', 'sleeping_relay'],
  ['stepped_over', 'skipped_event'],
  ['stepped_at', 'skipped_at'],
  ['leaves_until', 'segments_until'],
  ['given_at', 'assigned_at'],
  ['grp', 'group_name'],
  ['asked_at', 'requested_at'],
] as const

/** Keys, and from Postgres 18 on NOT NULL, are named after their table and columns. */
function renameConstraints(s: string): string {
  const before = namesInConstraints.map(([before]) => before).join('|')
  const renamed = namesInConstraints.reduce(
    (text, [before, after]) => `replace(${text}, '${before}', '${after}')`,
    'conname::text',
  )
  return `declare
  old record;
begin
  for old in
    select conrelid::regclass as of_table, conname, ${renamed} as new_name from pg_constraint
    where connamespace = '${s}'::regnamespace and conname ~ '(^|_)(${before})(_|$)'
  loop
    execute format('alter table %s rename constraint %I to %I', old.of_table, old.conname, old.new_name);
  end loop;
end;`
}

/** Each segment has its own copy; from Postgres 15 on it is renamed with the one of the outbox. */
function renameTriggers(s: string): string {
  return `declare
  part regclass;
begin
  for part in select relid from pg_partition_tree('${s}.outbox') order by level loop
    if exists (select from pg_trigger where tgrelid = part and tgname = 'outbox_place') then
      execute format('alter trigger outbox_place on %s rename to outbox_prepare', part);
    end if;
  end loop;
end;`
}

const functionNames = [
  ['here', 'this_cluster'],
  ['place_event', 'prepare_event'],
  ['check_home', 'check_cluster'],
  ['read_home', 'read_cluster_identity'],
  ['give_pages', 'assign_offsets'],
  ['make_leaves', 'create_segments'],
  ['leaf_end', 'segment_end'],
  ['living_members', 'active_members'],
  ['note_verified', 'record_verified'],
  ['shown_up_to', 'visible_up_to'],
  ['forget_shadows', 'delete_shadow_groups'],
  ['put_group', 'set_group_offsets'],
  ['refuse_past', 'refuse_older_snapshot'],
  ['register_releases', 'register_group_releases'],
]

/** A function keeps its rights under the new name. */
function renameFunctions(s: string): string {
  return `declare
  old record;
begin
  for old in
    select pg_proc.oid::regprocedure as signature, new_name
    from (values ${functionNames.map(([before, after]) => `('${before}', '${after}')`).join()}) as listed(old_name, new_name)
    join pg_proc on proname = old_name and pronamespace = '${s}'::regnamespace
  loop
    execute format('alter function %s rename to %I', old.signature, old.new_name);
  end loop;
end;`
}
