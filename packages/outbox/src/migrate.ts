import type { Sql } from '@commitcast/worker'
import { functionsOfTables, functionsOnTables } from './functions/all-functions.ts'
import { dropOtherFunctions, replaceFunctions } from './functions/replace-functions.ts'
import { defaultMaxEventBytes } from './max-event-bytes.ts'
import { createOutbox } from './migrations/0001-create-outbox.ts'
import { closeLeaves } from './migrations/0002-close-leaves.ts'
import { parkEvents } from './migrations/0003-park-events.ts'
import { epochs } from './migrations/0004-epochs.ts'
import { consumerGroups } from './migrations/0005-consumer-groups.ts'
import { rebuilds } from './migrations/0006-rebuilds.ts'
import { answers } from './migrations/0007-answers.ts'
import { retries } from './migrations/0009-retries.ts'
import { groupReleases } from './migrations/0011-group-releases.ts'
import { checkSchemaName, defaultSchema } from './schema-name.ts'

export interface MigrateOptions {
  /** Default `commitcast`. */
  readonly schema?: string
  /** How many partitions the topic has; fixed when the tables are made. Default 8. */
  readonly partitions?: number
  /** Larger events are refused by the database. Default 786,432, which fits NATS's default limit of 1 MiB. */
  readonly maxEventBytes?: number
}

/**
 * One numbered step of the schema: its tables, columns, indexes and triggers. What has landed never changes again; functions
 * have a folder of their own, `functions`.
 */
export interface Migration {
  readonly version: number
  readonly name: string
  sql(schema: string, options: Required<MigrateOptions>): string
}

const migrations: readonly Migration[] = [
  createOutbox,
  closeLeaves,
  parkEvents,
  epochs,
  consumerGroups,
  rebuilds,
  answers,
  retries,
  groupReleases,
]
const leafDaysAhead = 2

/**
 * Brings the schema up to date in one transaction. Idempotent; several processes may call it at once. Needs the right to
 * create a schema, or to create in it.
 */
export async function migrate(sql: Sql, options: MigrateOptions = {}): Promise<void> {
  // Several statements in one message are one transaction; a BEGIN of our own would outlive a failure on its connection.
  await sql.query(stepsSql(options))
}

/**
 * All of `migrate` as one text that can be run again and again, in a transaction of its own: for teams with their own
 * migration tool. Several statements: run it without parameters.
 */
export function migrationSql(options: MigrateOptions = {}): string {
  return `begin;\n${stepsSql(options)}commit;\n`
}

function stepsSql({
  schema = defaultSchema,
  partitions = 8,
  maxEventBytes = defaultMaxEventBytes,
}: MigrateOptions): string {
  const s = checkSchemaName(schema)
  const settings = {
    schema: s,
    partitions: whole(partitions, 1, 1024),
    maxEventBytes: whole(maxEventBytes, 1_000, 64_000_000),
  }
  return `do $migrate$ begin
perform pg_advisory_xact_lock(hashtextextended('${s}.migrate', 0));
-- IF NOT EXISTS would ask for the right to create even where nothing is created.
if to_regnamespace('${s}') is null then create schema ${s}; end if;
if to_regclass('${s}.migration') is null then
  create table ${s}.migration (
    version int primary key, name text not null, applied_at timestamptz not null default clock_timestamp());
end if;
${replaceFunctions(s, functionsOfTables)}
${migrations.map((migration) => stepSql(s, migration, settings)).join('\n')}
${replaceFunctions(s, functionsOnTables)}
${dropOtherFunctions(s, [...functionsOfTables, ...functionsOnTables])}
perform ${s}.make_leaves(${leafDaysAhead});
end $migrate$;
`
}

function stepSql(s: string, migration: Migration, settings: Required<MigrateOptions>): string {
  return `if not exists (select from ${s}.migration where version = ${migration.version}) then
${migration.sql(s, settings)}
insert into ${s}.migration (version, name) values (${migration.version}, '${migration.name}');
end if;`
}

function whole(value: number, low: number, high: number): number {
  if (Number.isInteger(value) && value >= low && value <= high) return value
  throw new RangeError(`migrate: ${value} is not a whole number from ${low} to ${high}.`)
}
