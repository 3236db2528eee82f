import { type ChildProcess, spawn } from 'node:child_process'
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, expect, test, vi } from 'vitest'

const waits = { timeout: 60_000, interval: 50 }
const owners: Owner[] = []
afterEach(async () => {
  for (const { child, folder } of owners.splice(0)) {
    child.kill('SIGKILL')
    await rm(folder, { recursive: true, force: true })
  }
})

interface Owner {
  readonly child: ChildProcess
  readonly folder: string
  readonly url: string
  /** The next line it prints. */
  line(): Promise<string>
}

/** A process of its own group that has a Postgres, with its temporary files in a folder of its own, and then `acts`. */
async function owner(acts: string): Promise<Owner> {
  const folder = await mkdtemp(join(tmpdir(), 'owner-'))
  await chmod(folder, 0o755)
  const program = `
    import { startPostgres, createDatabase } from '${new URL('./index.ts', import.meta.url)}'
    const postgres = await startPostgres()
    console.log(postgres.url)
    ${acts}`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    detached: true,
    env: { ...process.env, TMPDIR: folder, TEST_SERVERS: 'local', TEST_POSTGRES_URL: '' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const line = async (): Promise<string> => (await lines.next()).value ?? 'nothing: it ended'
  const made: Owner = { child, folder, url: await line(), line }
  owners.push(made)
  return made
}

const staysAlive = 'setInterval(() => {}, 1000)'

async function refuses({ url }: Owner): Promise<boolean> {
  const { hostname, port } = new URL(url)
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = connect(Number(port), hostname, () => resolve(false))
  socket.once('error', () => resolve(true))
  return promise.finally(() => socket.destroy())
}

async function nothingIsLeft(of: Owner): Promise<void> {
  await vi.waitUntil(async () => (await refuses(of)) && (await readdir(of.folder)).length === 0, waits)
}

test('a killed parent leaves no server and no folder behind', async () => {
  const killed = await owner(staysAlive)
  expect(await readdir(killed.folder)).toHaveLength(1)
  killed.child.kill('SIGKILL')
  await nothingIsLeft(killed)
})

test('a killed parent leaves no paused server behind', async () => {
  const killed = await owner(`await postgres.pause(); console.log('paused'); ${staysAlive}`)
  expect(await killed.line()).toBe('paused')
  killed.child.kill('SIGKILL')
  await nothingIsLeft(killed)
})

test('a parent killed while it starts a server leaves nothing behind', async () => {
  const killed = await owner(`console.log('starting'); await startPostgres(); ${staysAlive}`)
  await killed.line()
  await vi.waitUntil(async () => (await readdir(killed.folder)).length === 2, waits)
  killed.child.kill('SIGKILL')
  await nothingIsLeft(killed)
})

test('a server neither keeps its parent from ending nor outlives it', async () => {
  const ended = await owner('')
  await vi.waitUntil(() => ended.child.exitCode === 0, waits)
  await nothingIsLeft(ended)
})

test('Ctrl-C does not reach a server before its parent stops it in good order', async () => {
  const interrupted = await owner(`
    const alive = ${staysAlive}
    process.on('SIGINT', async () => {
      const { drop } = await createDatabase(postgres)
      await drop()
      await postgres.stop()
      clearInterval(alive)
    })
    console.log('listening')`)
  expect(await interrupted.line()).toBe('listening')
  process.kill(-interrupted.child.pid!, 'SIGINT')
  await vi.waitUntil(() => interrupted.child.exitCode === 0, waits)
  await nothingIsLeft(interrupted)
})
