import type { Migration } from './migration.ts'

/**
 * Migrations 1, 2 and 6 were edited after they had been made, so tables differ though their versions do not. This brings
 * each of these states to what a fresh install has, and does nothing where nothing differs. Only where it repairs the
 * outbox or `topic` does it wait for writers.
 */
export const repairTables: Migration = {
  version: 8,
  name: 'repair tables',
  sql: (s, { maxEventBytes }) => `
create table ${s}.schema_release (
  single boolean primary key default true check (single),
  -- The newest release that migrated these tables: an older one changes nothing.
  version text not null
);
${repairTopic(s, maxEventBytes)}
${repairOutbox(s)}
${repairPages(s)}
drop function if exists ${s}.append(text, text, json, json), ${s}.before_append(), ${s}.wake_relay(),
  ${s}.give_pages(smallint[], bigint[], int), ${s}.retry_parked(bigint[]);
`,
}

/** The limit was a constraint of the outbox once. */
function repairTopic(s: string, maxEventBytes: number): string {
  return `
if not ${hasColumn(s, 'topic', 'leaves_until')} then
  alter table ${s}.topic add leaves_until timestamptz not null default '-infinity';
end if;
if not ${hasColumn(s, 'topic', 'max_event_bytes')} then
  alter table ${s}.topic add max_event_bytes int;
  update ${s}.topic set max_event_bytes = coalesce((
    select substring(pg_get_constraintdef(oid) from '<= (\\d+)')::int from pg_constraint
    where conrelid = '${s}.outbox'::regclass and conname = 'outbox_data_check'), ${maxEventBytes});
  alter table ${s}.topic alter max_event_bytes set not null;
end if;`
}

/** A generated column and constraints were there before the trigger. Each day of the outbox has its own copies. */
function repairOutbox(s: string): string {
  return `
if exists (select from pg_attribute
  where attrelid = '${s}.outbox'::regclass and attname = 'partition' and attgenerated <> '')
then
  alter table ${s}.outbox alter partition drop expression;
  create trigger outbox_place before insert on ${s}.outbox for each row execute function ${s}.place_event();
end if;
declare
  old record;
begin
  for old in
    select conrelid::regclass as of_table, conname from pg_constraint
    where contype = 'c' and conrelid in (select relid from pg_partition_tree('${s}.outbox'))
      and conname in ('outbox_data_check', 'outbox_headers_check', 'outbox_key_check', 'outbox_type_check', 'type_is_not_reserved')
    order by conrelid <> '${s}.outbox'::regclass
  loop
    execute format('alter table %s drop constraint if exists %I', old.of_table, old.conname);
  end loop;
end;`
}

/**
 * A page without ids that were drawn after its snapshots: an upper bound of the one does, because windows are defined by
 * snapshots and these ids only say which writers to look up; for the other any id that is drawn now.
 */
function repairPages(s: string): string {
  return `
if not ${hasColumn(s, 'page', 'from_next')} then
  alter table ${s}.page add from_next xid8, add to_next xid8;
  update ${s}.page set from_next = pg_snapshot_xmax(to_snapshot), to_next = pg_current_xact_id();
  alter table ${s}.page alter from_next set not null, alter to_next set not null;
end if;
if exists (select from pg_constraint where conrelid = '${s}.page'::regclass
  and conname = 'page_first_offset_check' and pg_get_constraintdef(oid) like '%> 0%')
then
  alter table ${s}.page drop constraint page_first_offset_check;
  alter table ${s}.page add constraint page_first_offset_check check (first_offset >= 0);
end if;`
}

function hasColumn(s: string, table: string, column: string): string {
  return `exists (select from pg_attribute where attrelid = '${s}.${table}'::regclass and attname = '${column}')`
}
