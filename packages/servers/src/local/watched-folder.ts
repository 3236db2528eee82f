import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chown, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type ProcessId, processWith } from '../process-table.ts'
import { removeFolder } from './remove-folder.ts'
import { type RunAs, temporaryFolder } from './run-as.ts'

/** What the owner tells the janitor. A folder is watched until it is forgotten; it may gain processes meanwhile. */
export interface JanitorOrder {
  readonly act: 'watch' | 'forget'
  readonly folder: string
  readonly process?: ProcessId
}

/** A folder for one server. It and the processes told of are gone soon after this process, however that ends. */
export interface WatchedFolder {
  readonly path: string
  /** Puts a process that was just started under watch. */
  watch(pid: number): ProcessId | undefined
  /** Removes the folder, whose processes must be gone. */
  remove(): Promise<void>
}

const janitorFile = fileURLToPath(new URL('../janitor.ts', import.meta.url))

// One janitor for each process, and so the one piece of module state here.
let janitor: ChildProcess | undefined
const orders = new Map<string, JanitorOrder[]>()

/** Makes a folder `commitcast-NAME-…` that belongs to `user`, open to nobody else, in the folder `parent`. */
export async function watchedFolder(
  name: string,
  user?: RunAs,
  parent: string = temporaryFolder(user),
): Promise<WatchedFolder> {
  const path = join(parent, `commitcast-${name}-${randomBytes(6).toString('hex')}`)
  // Before it is there: were we to die in between, nobody would know of it.
  tell({ act: 'watch', folder: path })
  await mkdir(path, { mode: 0o700 })
  if (user !== undefined) await chown(path, user.uid, user.gid)
  return {
    path,
    watch(pid) {
      const process = processWith(pid)
      if (process !== undefined) tell({ act: 'watch', folder: path, process })
      return process
    },
    async remove() {
      await removeFolder(path)
      tell({ act: 'forget', folder: path })
    },
  }
}

function tell(order: JanitorOrder): void {
  const { folder } = order
  if (order.act === 'forget') orders.delete(folder)
  else orders.set(folder, [...(orders.get(folder) ?? []), order])
  const isNew = janitor === undefined || janitor.exitCode !== null || janitor.signalCode !== null
  if (isNew) janitor = hireJanitor()
  // A new janitor, also one that follows a killed one, hears all that is still to be watched.
  const news = isNew ? [...orders.values()].flat() : [order]
  for (const each of news) janitor?.stdin?.write(`${JSON.stringify(each)}\n`)
  if (orders.size === 0) dismissJanitor()
}

/** Nothing is left to watch: it goes home, and the next server gets a new one. */
function dismissJanitor(): void {
  janitor?.stdin?.end()
  janitor = undefined
}

function hireJanitor(): ChildProcess {
  // Detached: a Ctrl-C in the terminal reaches the owner only. Its NODE_OPTIONS (inspector, loaders) are not for us.
  const { NODE_OPTIONS: _, ...env } = process.env
  const child = spawn(process.execPath, [janitorFile], {
    detached: true,
    cwd: '/',
    env,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  child.on('error', () => {})
  child.stdin.on('error', () => {})
  child.unref()
  ;(child.stdin as typeof child.stdin & { unref(): void }).unref()
  return child
}
