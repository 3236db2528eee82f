import { randomUUID } from 'node:crypto'
import { memoryBroker } from '@commitcast/broker/memory'
import { postgresBroker } from '@commitcast/broker/postgres'
import { surviveErrors } from '@commitcast/outbox'
import { createDatabase } from '@commitcast/servers'
import { PGlite } from '@electric-sql/pglite'
import {
  CamelCasePlugin,
  Kysely,
  type KyselyPlugin,
  ParseJSONResultsPlugin,
  PGliteDialect,
  PostgresDialect,
} from 'kysely'
import { PostgresJSDialect } from 'kysely-postgres-js'
import pg from 'pg'
import postgres from 'postgres'
import { inject, test } from 'vitest'
import { runPipeline } from './run-pipeline.ts'

type Db = Kysely<Record<string, never>>

interface Case {
  /** The application's Kysely instance. Default: the `pg` dialect without plugins. */
  readonly open?: (url: string) => Db
  /** What an operator has done to the database. */
  readonly prepare?: string
  /** What an operator has set for the database. */
  readonly settings?: Readonly<Record<string, string>>
}

const openPg = (
  url: string,
  { types, plugins = [] }: { types?: pg.CustomTypesConfig; plugins?: KyselyPlugin[] } = {},
): Db => {
  const pool = surviveErrors(new pg.Pool({ connectionString: url, max: 15, ...(types && { types }) }))
  return new Kysely({ dialect: new PostgresDialect({ pool }), plugins })
}

/** As many applications set them: 64-bit numbers as numbers, moments and JSON as text. */
const otherTypes: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format: 'text' | 'binary') => {
    if (oid === 20 || oid === 1700) return Number
    if (oid === 1184 || oid === 1114 || oid === 114 || oid === 3802) return (text: string) => `text ${text}`
    return pg.types.getTypeParser(oid, format)
  }) as typeof pg.types.getTypeParser,
}

const cases: Readonly<Record<string, Case>> = {
  'the pg dialect': {},
  'parsers of 64-bit numbers, moments and JSON': { open: (url) => openPg(url, { types: otherTypes }) },
  'the postgres.js dialect': {
    open: (url) =>
      new Kysely({ dialect: new PostgresJSDialect({ postgres: postgres(url, { max: 15, onnotice: () => {} }) }) }),
  },
  'the postgres.js dialect without prepared statements': {
    open: (url) =>
      new Kysely({
        dialect: new PostgresJSDialect({
          postgres: postgres(url, { max: 15, prepare: false, onnotice: () => {} }),
        }),
      }),
  },
  CamelCasePlugin: { open: (url) => openPg(url, { plugins: [new CamelCasePlugin()] }) },
  'CamelCasePlugin of upper snake case': {
    open: (url) =>
      openPg(url, { plugins: [new CamelCasePlugin({ upperCase: true, maintainNestedObjectKeys: false })] }),
  },
  ParseJSONResultsPlugin: { open: (url) => openPg(url, { plugins: [new ParseJSONResultsPlugin()] }) },
  'a schema of its own (withSchema)': { open: (url) => openPg(url).withSchema('elsewhere') },
  'DateStyle and TimeZone of India': { settings: { DateStyle: 'SQL, DMY', TimeZone: 'Asia/Kolkata' } },
  'DateStyle and TimeZone of Germany': {
    settings: { DateStyle: 'German', TimeZone: 'Europe/Berlin', IntervalStyle: 'sql_standard' },
  },
  'repeatable read': { settings: { default_transaction_isolation: 'repeatable read' } },
  serializable: {
    settings: { default_transaction_isolation: 'serializable', default_transaction_deferrable: 'on' },
  },
  'short time-outs': {
    settings: {
      statement_timeout: '1s',
      lock_timeout: '200ms',
      idle_in_transaction_session_timeout: '1s',
      idle_session_timeout: '1s',
    },
  },
  'a search path without our schema': { prepare: 'create schema app;', settings: { search_path: 'app' } },
  'texts and literals of old': {
    settings: {
      standard_conforming_strings: 'off',
      escape_string_warning: 'off',
      transform_null_equals: 'on',
      array_nulls: 'off',
      extra_float_digits: '-5',
      bytea_output: 'escape',
      xmloption: 'document',
      quote_all_identifiers: 'on',
    },
  },
  'a publication of all tables': { prepare: 'create publication everything for all tables;' },
  'plans and durability of all kinds': {
    settings: {
      synchronous_commit: 'off',
      plan_cache_mode: 'force_custom_plan',
      jit: 'on',
      row_security: 'off',
      check_function_bodies: 'off',
      client_min_messages: 'debug1',
    },
  },
}

for (const [name, { open = openPg, settings = {}, prepare = '' }] of Object.entries(cases)) {
  test(`with ${name} all events go all the way, once and in order, and no worker warns`, async () => {
    await using database = await createDatabase(inject('postgresUrl'), 'matrix')
    const { url } = database
    const changes = Object.entries(settings).map(
      ([setting, value]) => `alter database "${new URL(url).pathname.slice(1)}" set ${setting} = ${literals(value)};`,
    )
    await asOwner(url, [prepare, ...changes].join(''))
    const db = open(url)
    try {
      const outlivesRenewal = settings.default_transaction_isolation !== undefined
      const endsSessions = settings.idle_session_timeout !== undefined
      await runPipeline({
        ...{ db, broker: postgresBroker({ connectionString: url }), listenTo: url, outlivesRenewal },
        // The server may end an idle session as a statement comes.
        ...(endsSessions && { expected: /idle-session timeout|Connection terminated unexpectedly/ }),
      })
    } finally {
      await db.destroy()
    }
  })
}

test('as a role that owns the schemas and may create none, all events go all the way, once and in order', async () => {
  await using database = await createDatabase(inject('postgresUrl'), 'matrix')
  const role = `owner_${randomUUID().slice(0, 8)}`
  await asOwner(
    database.url,
    `create role ${role} login password 'secret';
     create schema commitcast authorization ${role}; create schema commitcast_broker authorization ${role};
     create schema app authorization ${role}; alter role ${role} set search_path = app;`,
  )
  const url = Object.assign(new URL(database.url), { username: role, password: 'secret' }).href
  const db = openPg(url)
  try {
    const broker = postgresBroker({ connectionString: url })
    await runPipeline({ db, broker, listenTo: url, mayCreateSchemas: false })
  } finally {
    await db.destroy()
    await asOwner(database.url, `drop owned by ${role}; drop role ${role}`)
  }
})

test('on PGlite, with its one connection, all events go all the way, once and in order', async () => {
  const db: Db = new Kysely({ dialect: new PGliteDialect({ pglite: new PGlite() }) })
  await runPipeline({ db, broker: memoryBroker() })
  await db.destroy()
})

/** A list has a literal for each of its values. */
function literals(value: string): string {
  return value
    .split(', ')
    .map((one) => `'${one}'`)
    .join()
}

async function asOwner(url: string, statements: string): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  await client.query(statements)
  await client.end()
}
