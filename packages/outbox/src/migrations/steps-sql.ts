import { functionsOfFirstTables, functionsOfTables, functionsOnTables } from '../functions/all-functions.ts'
import { dropOtherFunctions, filledFrom, replaceFunctions } from '../functions/replace-functions.ts'
import { otherEncodingState, otherPartitionsState } from '../functions/sql-states.ts'
import { defaultMaxEventBytes } from '../max-event-bytes.ts'
import { release } from '../release.ts'
import { newNames } from './0017-new-names.ts'
import { allMigrations } from './all-migrations.ts'
import { loadRows } from './load-rows.ts'
import type { Migration, NewTopic } from './migration.ts'
import { isNewer } from './stored-release.ts'

const segmentDaysAhead = 2

/** All that brings a schema up to date, as one statement. Where nothing is to be done it writes nothing. */
export function stepsSql(s: string, asked: Partial<NewTopic>): string {
  const { partitions = 8, maxEventBytes = defaultMaxEventBytes } = asked
  const steps = (picks: (migration: Migration) => boolean) =>
    allMigrations
      .filter(picks)
      .map((migration) => stepSql(s, migration, { partitions, maxEventBytes }))
      .join('\n')
  return `do $migrate$ begin
perform set_config('standard_conforming_strings', 'on', true), set_config('lock_timeout', '0', true),
  set_config('timezone', 'UTC', true), set_config('datestyle', 'ISO', true);
perform pg_advisory_xact_lock(hashtextextended('${s}.migrate', 0));
if to_regclass('${s}.schema_release') is not null then
  if ${isNewer(s)} then
    ${refuseOthers(s, asked.partitions)}
    raise notice 'The tables in schema "${s}" are newer than release ${release}: nothing was changed.';
    return;
  end if;
end if;
${refuseOtherEncodings(s)}
-- IF NOT EXISTS would ask for the right to create even where nothing is created.
if to_regnamespace('${s}') is null then create schema ${s}; end if;
if to_regclass('${s}.migration') is null then
  create table ${s}.migration (
    version int primary key, name text not null, applied_at timestamptz not null default clock_timestamp());
end if;
${loadRows(s)}
${refuseOthers(s, asked.partitions)}
if not exists (select from ${s}.migration where version = ${newNames.version}) then
${replaceFunctions(s, functionsOfFirstTables)}
end if;
${steps(({ version }) => version <= newNames.version)}
${replaceFunctions(s, functionsOfTables)}
${steps(({ version }) => version > newNames.version)}
${asked.maxEventBytes === undefined ? '' : changeLimit(s, asked.maxEventBytes)}
${replaceFunctions(s, functionsOnTables, { text: filledFrom(s) })}
${dropOtherFunctions(s, [...functionsOfTables, ...functionsOnTables])}
perform ${s}.create_segments(${segmentDaysAhead});
if not exists (select from ${s}.schema_release where version = '${release}') then
  insert into ${s}.schema_release (version) values ('${release}') on conflict (single) do update set version = excluded.version;
end if;
end $migrate$;
`
}

function stepSql(s: string, migration: Migration, topic: NewTopic): string {
  return `if not exists (select from ${s}.migration where version = ${migration.version}) then
${migration.sql(s, topic)}
insert into ${s}.migration (version, name) values (${migration.version}, '${migration.name}');
end if;`
}

/** Tables that are there stay in use: they may hold only what the encoding has. */
function refuseOtherEncodings(s: string): string {
  return `if to_regclass('${s}.topic') is null and getdatabaseencoding() <> 'UTF8' then
  raise exception 'The database "%" has the encoding %, which can''t hold every text of an event.', current_database(), getdatabaseencoding()
    using errcode = '${otherEncodingState}', hint = 'Make a database with the encoding UTF8: create database "name" encoding ''UTF8'' template template0.';
end if;`
}

/** A key's events would change their partition, and with it their order. */
function refuseOthers(s: string, partitions: number | undefined): string {
  if (partitions === undefined) return ''
  return `if to_regclass('${s}.topic') is not null then
  if exists (select from ${s}.topic where partitions <> ${partitions}) then
    raise exception 'The tables in schema "${s}" were made with % partitions, for good; ${partitions} were asked for.',
      (select partitions from ${s}.topic)
      using errcode = '${otherPartitionsState}', hint = 'Leave the number out; another one needs a new schema. Nothing was changed.';
  end if;
end if;`
}

function changeLimit(s: string, maxEventBytes: number): string {
  return `if exists (select from ${s}.topic where max_event_bytes <> ${maxEventBytes}) then
  update ${s}.topic set max_event_bytes = ${maxEventBytes};
end if;`
}
