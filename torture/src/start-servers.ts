import { migrate } from '@commitcast/outbox'
import { createDatabase, type Server, startNats, startPostgres } from '@commitcast/servers'
import pg from 'pg'
import type { Options } from './options.ts'
import { createReplyThief, type ReplyThief } from './proxy/lose-replies.ts'
import { startTcpProxy, type TcpProxy } from './proxy/tcp-proxy.ts'
import { sabotageDatabase, sabotageSettings } from './sabotage/sabotage-database.ts'
import { hotKeys } from './writer/story.ts'

/** Everything that is attacked, and the proxies in between that the relays connect through. */
export interface Servers extends AsyncDisposable {
  readonly postgres: Server
  /** NATS, or another Postgres. */
  readonly brokerServer: Server
  readonly databaseUrl: string
  readonly brokerUrl: string
  readonly databaseProxy: TcpProxy
  readonly brokerProxy: TcpProxy
  /** Takes the replies to the statements that give pages. */
  readonly pages: ReplyThief
  readonly thieves: readonly ReplyThief[]
}

export const partitions = 6

/** Starts Postgres and the broker, makes the tables and the ledger, and puts the sabotage in place. */
export async function startServers({ broker, sabotage }: Options): Promise<Servers> {
  await using stack = new AsyncDisposableStack()
  const settings = sabotage === undefined ? {} : sabotageSettings(sabotage)
  const [postgres, brokerServer] = await Promise.all([
    startPostgres({ settings }).then((server) => stack.use(server)),
    (broker === 'nats' ? startNats() : startPostgres()).then((server) => stack.use(server)),
  ])
  const { url: databaseUrl } = await createDatabase(postgres, 'torture')
  await prepareDatabase(databaseUrl, sabotage)
  const pages = createReplyThief(/give_pages/)
  const appends = createReplyThief(/insert into commitcast_broker\.message/)
  const databaseProxy = await startTcpProxy(databaseUrl, { onLine: pages.watch })
  stack.defer(() => databaseProxy.close())
  const isPostgres = broker === 'postgres'
  const brokerProxy = await startTcpProxy(brokerServer.url, isPostgres ? { onLine: appends.watch } : {})
  stack.defer(() => brokerProxy.close())
  const own = stack.move()
  return {
    postgres,
    brokerServer,
    databaseUrl,
    brokerUrl: brokerServer.url,
    databaseProxy,
    brokerProxy,
    pages,
    thieves: isPostgres ? [pages, appends] : [pages],
    [Symbol.asyncDispose]: () => own.disposeAsync(),
  }
}

async function prepareDatabase(url: string, sabotage: Options['sabotage']): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const query = async <TRow>(text: string, values: readonly unknown[] = []) =>
    (await client.query(text, [...values])).rows as TRow[]
  // Several statements at once come without parameters.
  await migrate({ query: (text) => client.query(text).then(() => []) }, { partitions })
  await client.query(`
    create schema torture;
    create table torture.ledger (id uuid not null, key text not null, n bigint not null);
    create table torture.counter (key text primary key, n bigint not null);
    insert into torture.counter select 'hot-' || i, 0 from generate_series(1, ${hotKeys}) as i;`)
  if (sabotage !== undefined) await sabotageDatabase({ query }, sabotage)
  // The beginning survives whatever comes, also where commits do not wait for the disk.
  await client.query('checkpoint')
  await client.end()
}
