import { migrate } from '@commitcast/outbox'
import { createDatabase, type Server, startNats, startPostgres } from '@commitcast/servers'
import pg from 'pg'
import type { BrokerName, Options } from './options.ts'
import { purchaseTables } from './purchases/purchase-story.ts'
import { readSideTables } from './read-side/read-side-story.ts'
import { sabotageDatabase, sabotageSettings } from './sabotage/sabotage-database.ts'
import { openServerClock, type ServerClock } from './server-clock.ts'
import { hotKeys } from './writer/story.ts'

/** The servers that are attacked, at their own addresses. */
export interface Servers extends AsyncDisposable {
  readonly postgres: Server
  /** The clock that it sees; missing where it can't be moved. */
  readonly clock: ServerClock | undefined
  /** NATS, or another Postgres. */
  readonly brokerServer: Server
  readonly databaseUrl: string
  /** The database for the role of projections and handlers, whose commits do not wait for the disk. */
  readonly consumerUrl: string
  readonly broker: BrokerName
  readonly brokerUrl: string
}

export const partitions = 6
const consumer = 'torture_consumer'
/** What is not flushed by a commit that waits stays off the disk for long. */
const lazyWal = { wal_writer_delay: '10s', wal_writer_flush_after: '1GB' }

/** What an application's database may have set, and what no statement of ours may depend on. */
const databaseSettings = {
  DateStyle: 'SQL, DMY',
  TimeZone: "'Asia/Kolkata'",
  IntervalStyle: 'sql_standard',
  search_path: 'nowhere',
}

/** Starts Postgres and the broker, makes the tables and the ledger, and puts the sabotage in place. */
export async function startServers({ broker, sabotage }: Options): Promise<Servers> {
  await using stack = new AsyncDisposableStack()
  const settings = { ...lazyWal, ...(sabotage !== undefined && sabotageSettings(sabotage)) }
  const clock = await openServerClock()
  if (clock) stack.use(clock)
  const [postgres, brokerServer] = await Promise.all([
    startPostgres({ settings, ...(clock && { env: clock.env }) }).then((server) => stack.use(server)),
    (broker === 'nats' ? startNats() : startPostgres()).then((server) => stack.use(server)),
  ])
  const { url: databaseUrl } = await createDatabase(postgres, 'torture')
  await prepareDatabase(databaseUrl, sabotage)
  const own = stack.move()
  return {
    postgres,
    clock,
    brokerServer,
    databaseUrl,
    consumerUrl: asConsumer(databaseUrl),
    broker,
    brokerUrl: brokerServer.url,
    [Symbol.asyncDispose]: () => own.disposeAsync(),
  }
}

function asConsumer(url: string): string {
  const own = new URL(url)
  own.username = consumer
  return own.href
}

async function prepareDatabase(url: string, sabotage: Options['sabotage']): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const query = async <TRow>(text: string, values: readonly unknown[] = []) =>
    (await client.query(text, [...values])).rows as TRow[]
  const database = `"${new URL(url).pathname.slice(1)}"`
  // Several statements at once come without parameters.
  await migrate({ query: (text) => client.query(text).then(() => []) }, { partitions })
  await client.query(`
    create role ${consumer} superuser login password '${new URL(url).password}';
    alter role ${consumer} set synchronous_commit = off;
    alter role ${consumer} set lock_timeout = '400ms';
    create schema torture;
    ${Object.entries(databaseSettings)
      .map(([name, value]) => `alter database ${database} set ${name} = ${value};`)
      .join('\n')}
    create table torture.ledger (id uuid not null, key text not null, n bigint not null);
    create index on torture.ledger (key, n);
    create table torture.poison (id uuid not null);
    create table torture.counter (key text primary key, n bigint not null);
    insert into torture.counter select 'hot-' || i, 0 from generate_series(1, ${hotKeys}) as i;
    ${readSideTables}
    ${purchaseTables}`)
  if (sabotage !== undefined) await sabotageDatabase({ query }, sabotage)
  // The beginning survives whatever comes, also where commits do not wait for the disk.
  await client.query('checkpoint')
  await client.end()
}
