import { type ChildProcess, spawn } from 'node:child_process'
import { descendants, freeze, lives, type ProcessId, signal } from '../process-table.ts'
import { becomes } from '../waits.ts'
import { behindGate, openGate } from './gate.ts'
import type { RunAs } from './run-as.ts'
import type { ServerLog } from './server-log.ts'
import type { WatchedFolder } from './watched-folder.ts'

/** A program that serves on a port, and how to talk about it, to it and of its end. */
export interface Program {
  readonly origin: string
  readonly folder: WatchedFolder
  readonly dataFolder: string
  readonly user?: RunAs | undefined
  readonly env: Readonly<Record<string, string>>
  readonly stopSignal: 'SIGINT' | 'SIGTERM'
  url(port: number): string
  /** What to do before each start, such as to write the port into a file. */
  prepare?(port: number): Promise<void>
  command(port: number): readonly [program: string, ...args: string[]]
  /** Resolves when this very server, not another one on its port, does its work. */
  answers(url: string): Promise<void>
}

/** One run of a program, from its start to its end. */
export interface Run {
  readonly child: ChildProcess
  readonly id: ProcessId
}

/** How long a server may take to answer after its start; a crashed Postgres has to work through its log first. */
export const startMs = 60_000
const orphanMs = 5_000

/** Starts a program at a port. Resolves when it answers; an error holds the last lines of its log. */
export async function startRun(program: Program, port: number, log: ServerLog): Promise<Run> {
  await program.prepare?.(port)
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

/**
 * Kills the program alone. Its children see that and end by themselves, as after any `kill -9`; stragglers are helped.
 * Resolves when all are gone.
 */
export async function killParent(run: Run): Promise<void> {
  signal(run.id, 'SIGSTOP')
  const children = descendants(run.id)
  signal(run.id, 'SIGKILL')
  const gone = await becomes(() => isOver(run) && !children.some(lives), orphanMs)
  if (!gone) for (const child of children) signal(child, 'SIGKILL')
  await becomes(() => !children.some(lives), orphanMs)
}

/** Kills the program with its children, frozen or not. Resolves when all are gone. */
export async function killFamily(run: Run): Promise<void> {
  const family = freeze(run.id)
  for (const member of family) signal(member, 'SIGKILL')
  await becomes(() => isOver(run) && !family.some(lives), orphanMs)
}

export function isOver({ child }: Run): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

function howItEnded({ child }: Run): string {
  return child.signalCode ?? `exit code ${child.exitCode}`
}
