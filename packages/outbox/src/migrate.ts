import { CommitcastError } from '@commitcast/events'
import { checkWholeNumber, type Sql } from '@commitcast/worker'
import { otherEncodingState, otherPartitionsState, schemaOnlyState, workersRunState } from './functions/sql-states.ts'
import type { NewTopic } from './migrations/migration.ts'
import { stepsSql } from './migrations/steps-sql.ts'
import { isNewer } from './migrations/stored-release.ts'
import { checkSchemaName, defaultSchema } from './schema-name.ts'

export interface MigrateOptions {
  /** Default `commitcast`. */
  readonly schema?: string
  /** How many partitions the topic has; fixed when the tables are made. Default 8; later another number is refused. */
  readonly partitions?: number
  /**
   * Larger events are refused by the database. Default 786,432, which fits NATS's default limit of 1 MiB. Later calls that
   * say another number change it; those that say none leave it.
   */
  readonly maxEventBytes?: number
}

export interface Migrated {
  /** The newest release that migrated these tables. */
  readonly release: string
  /** Whether that is a newer one than ours: then nothing was changed. */
  readonly isNewer: boolean
}

const refusals = new Set([otherPartitionsState, schemaOnlyState, otherEncodingState, workersRunState])

/** Nothing was changed; the message says why, and what helps. */
export class MigrateRefused extends CommitcastError {
  override readonly name = 'MigrateRefused'
  readonly code = 'MIGRATE_REFUSED'
}

/**
 * Brings the schema up to date in one transaction. Idempotent; several processes may call it at once. Where a newer release
 * was here it changes nothing, so an old process may start beside new ones. Needs the right to create a schema, or to create
 * in it, where something is to be done; it writes nothing where nothing is. Throws `MigrateRefused` for another number of
 * partitions than the tables were made with, for a database whose encoding is not UTF8, for tables without rows that an earlier
 * release dumped, and while workers run, where a migration needs them stopped.
 */
export async function migrate(sql: Sql, options: MigrateOptions = {}): Promise<Migrated> {
  const { schema, asked } = check(options)
  try {
    await sql.query(stepsSql(schema, asked))
  } catch (error) {
    const { code, message, hint } = error as { code?: unknown; message: string; hint?: string }
    if (!refusals.has(String(code))) throw error
    throw new MigrateRefused(`${message} ${hint}`, { cause: error })
  }
  const [migrated] = await sql.query<Migrated>(
    `select version as release, ${isNewer(schema)} as "isNewer" from ${schema}.schema_release`,
  )
  return migrated!
}

/**
 * All of `migrate` as one text that can be run again and again, in a transaction of its own: for teams with their own
 * migration tool. Several statements: run it without parameters.
 */
export function migrationSql(options: MigrateOptions = {}): string {
  const { schema, asked } = check(options)
  return `begin;\n${stepsSql(schema, asked)}commit;\n`
}

function check({ schema = defaultSchema, partitions, maxEventBytes }: MigrateOptions) {
  const asked: Partial<NewTopic> = {
    ...(partitions !== undefined && {
      partitions: checkWholeNumber('migrate: partitions', partitions, { most: 1024 }),
    }),
    ...(maxEventBytes !== undefined && {
      maxEventBytes: checkWholeNumber('migrate: maxEventBytes', maxEventBytes, { least: 1_000, most: 64_000_000 }),
    }),
  }
  return { schema: checkSchemaName(schema), asked }
}
