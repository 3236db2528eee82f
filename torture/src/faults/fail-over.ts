import { execFile } from 'node:child_process'
import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Server, startPostgres } from '@commitcast/servers'
import { sleep } from '@commitcast/worker'
import { patiently } from '../patiently.ts'
import { startTcpProxy, type TcpProxy } from '../proxy/tcp-proxy.ts'
import { withClient } from '../with-client.ts'
import { crash } from './lose-commits.ts'

const run = promisify(execFile)
const answerMs = 30_000

export interface FailOver {
  /** How long the standby follows, and how long it lags before the primary dies. */
  readonly followMs: number
  readonly lagMs: number
}

/**
 * Makes a standby that receives what the primary writes, stops that, kills the primary a moment later, and promotes the
 * standby, which takes the primary's address. What was acknowledged in that moment is lost, as by any asynchronous fail-over.
 */
export async function failOver(primary: Server, { followMs, lagMs }: FailOver): Promise<void> {
  await using standby = await startPostgres()
  await using replication = await startReplication(primary)
  await standby.halt()
  await primary.halt()
  await copyData(primary, standby)
  await followThrough(standby, replication)
  await primary.restart()
  await standby.restart()
  await patiently(() => isStreaming(primary), { ms: answerMs })
  await sleep(followMs)
  for (const line of replication.lines) line.onReply = () => Buffer.alloc(0)
  await sleep(lagMs)
  await crash(primary)
  await patiently(() => promote(standby), { ms: answerMs })
  await standby.halt()
  await copyData(standby, primary)
  await primary.restart()
}

async function startReplication(primary: Server): Promise<TcpProxy & AsyncDisposable> {
  const proxy = await startTcpProxy(primary.url)
  return { ...proxy, [Symbol.asyncDispose]: proxy.close }
}

/** With owners and modes: the server may run as another user than we do. */
async function copyData(from: Server, to: Server): Promise<void> {
  if (from.dataFolder === undefined || to.dataFolder === undefined)
    throw new Error(`${from.origin} has no folder here: set TEST_SERVERS=local.`)
  await run('rm', ['-rf', to.dataFolder])
  await run('cp', ['-a', from.dataFolder, to.dataFolder])
}

/** Lets a server start as a standby whose connection goes through a proxy. */
async function followThrough({ dataFolder = '' }: Server, { url }: TcpProxy): Promise<void> {
  const { hostname, port, username } = new URL(url)
  const conninfo = `host=${hostname} port=${port} user=${username}`
  await appendFile(join(dataFolder, 'postgresql.auto.conf'), `primary_conninfo = '${conninfo}'\n`)
  await run('cp', ['-a', join(dataFolder, 'PG_VERSION'), join(dataFolder, 'standby.signal')])
}

async function isStreaming({ url }: Server): Promise<void> {
  const { rowCount } = await withClient(url, (client) =>
    client.query(`select from pg_stat_replication where state = 'streaming'`),
  )
  if (rowCount === 0) throw new Error('The standby does not stream.')
}

async function promote({ url }: Server): Promise<void> {
  const { rows } = await withClient(url, (client) =>
    client.query('select not pg_is_in_recovery() or pg_promote(true, 30) as promoted'),
  )
  if (!rows[0]?.promoted) throw new Error('The standby was not promoted in 30 s.')
}
