import { type ChildProcess, spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../free-port.ts'
import { descendants, freeze, lives, type ProcessId, signal } from '../process-table.ts'
import { type Server, serverOf } from '../server.ts'
import { becomes } from '../waits.ts'
import { behindGate, openGate } from './gate.ts'
import type { RunAs } from './run-as.ts'
import { type ServerLog, serverLog } from './server-log.ts'
import type { WatchedFolder } from './watched-folder.ts'

/** A program that serves on a port, and how to talk about it, to it and of its end. */
export interface Program {
  readonly origin: string
  readonly folder: WatchedFolder
  readonly user?: RunAs | undefined
  readonly env: Readonly<Record<string, string>>
  readonly stopSignal: 'SIGINT' | 'SIGTERM'
  url(port: number): string
  command(port: number): readonly [program: string, ...args: string[]]
  /** Resolves when this very server, not another one on its port, does its work. */
  answers(url: string): Promise<void>
}

interface Run {
  readonly child: ChildProcess
  readonly id: ProcessId
}

const startMs = 30_000
const stopMs = 10_000
const orphanMs = 5_000
const portAttempts = 5

/** Starts a program on a free port as a server that is ours. Removes its folder when it does not come up. */
export async function programServer(program: Program): Promise<Server> {
  const log = serverLog(`${program.folder.path}/server.log`)
  try {
    const { port, run } = await firstRun(program, log)
    return ownServer(program, log, port, run)
  } catch (error) {
    await program.folder.remove()
    throw error
  }
}

/** Another program may take the port between our look and its start: then it is another port's turn. */
async function firstRun(program: Program, log: ServerLog): Promise<{ port: number; run: Run }> {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort()
    try {
      return { port, run: await start(program, port, log) }
    } catch (error) {
      if (attempt === portAttempts || !/address already in use/i.test(await log.read())) throw error
    }
  }
}

function ownServer(program: Program, log: ServerLog, port: number, firstRun: Run): Server {
  let run = firstRun
  let paused = false
  const { origin, folder, stopSignal } = program

  const resume = async (): Promise<void> => {
    if (paused) for (const member of [...descendants(run.id), run.id]) signal(member, 'SIGCONT')
    paused = false
  }
  const halt = async (): Promise<void> => {
    await resume()
    signal(run.id, stopSignal)
    if (!(await becomes(() => isOver(run), stopMs))) await killFamily(run)
  }
  return serverOf(
    { url: program.url(port), origin },
    {
      halt,
      resume,
      async stop() {
        await halt()
        await folder.remove()
      },
      async kill() {
        // Frozen children of a killed parent can't notice its death.
        if (paused) await killFamily(run)
        else await killParent(run)
        paused = false
      },
      async restart() {
        await halt()
        run = await startAgain(program, port, log)
      },
      async pause() {
        if (isOver(run)) throw new Error(`Cannot pause ${origin}: it does not run. Call restart first.`)
        freeze(run.id)
        paused = true
      },
    },
  )
}

async function start(program: Program, port: number, log: ServerLog): Promise<Run> {
  const run = await spawnProgram(program, port, log)
  const url = program.url(port)
  let refusal = ''
  const answers = async (): Promise<boolean> => {
    try {
      await program.answers(url)
      return true
    } catch (error) {
      refusal = error instanceof Error ? error.message : String(error)
      return false
    }
  }
  const came = await becomes(async () => isOver(run) || (await answers()), startMs)
  if (came && !isOver(run)) return run
  await killFamily(run)
  const fate = came
    ? `ended at its start (${howItEnded(run)})`
    : `did not answer within ${startMs / 1000} s: ${refusal}`
  throw new Error(`${program.origin} ${fate}. Its log:\n${await log.tail()}`)
}

/** After a kill the system may hold the port, the lock file or the shared memory of the old run for a moment. */
async function startAgain(program: Program, port: number, log: ServerLog): Promise<Run> {
  const end = performance.now() + startMs
  for (;;) {
    try {
      return await start(program, port, log)
    } catch (error) {
      const passes = /address already in use|already exists|is still in use/i.test(await log.read())
      if (!passes || performance.now() > end) throw error
      await sleep(100)
    }
  }
}

/** In a process group of its own: a Ctrl-C in the terminal must not end the server before its owner's orderly stop. */
async function spawnProgram({ command, env, user, folder }: Program, port: number, log: ServerLog): Promise<Run> {
  const [file, ...args] = command(port)
  const child = await log.forRun((output) =>
    spawn(...behindGate(file, args), {
      cwd: folder.path,
      env: { ...env },
      ...user,
      detached: true,
      stdio: ['pipe', output, output],
    }),
  )
  // The missing number below says the same.
  child.on('error', () => {})
  child.unref()
  const id = child.pid === undefined ? undefined : folder.watch(child.pid)
  openGate(child)
  if (id === undefined) throw new Error(`No process could be started for ${file}: see how many this user may have`)
  return { child, id }
}

/** Children of a killed parent see its death and end by themselves, as after any `kill -9`; stragglers are helped. */
async function killParent(run: Run): Promise<void> {
  signal(run.id, 'SIGSTOP')
  const children = descendants(run.id)
  signal(run.id, 'SIGKILL')
  const gone = await becomes(() => isOver(run) && !children.some(lives), orphanMs)
  if (!gone) for (const child of children) signal(child, 'SIGKILL')
  await becomes(() => !children.some(lives), orphanMs)
}

async function killFamily(run: Run): Promise<void> {
  const family = freeze(run.id)
  for (const member of family) signal(member, 'SIGKILL')
  await becomes(() => isOver(run) && !family.some(lives), orphanMs)
}

function isOver({ child }: Run): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

function howItEnded({ child }: Run): string {
  return child.signalCode ?? `exit code ${child.exitCode}`
}
