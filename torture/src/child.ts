import { fork, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { askChild } from './ask-child.ts'
import { keepChildLog } from './child-log.ts'
import type { CrewRole } from './crew.ts'

/** A process of the torture: one of a crew, a writer, the checker or one with clients. */
export interface Child {
  readonly name: string
  readonly pid: number | undefined
  /** Says how it ended: an exit code or a signal. */
  readonly ended: Promise<string>
  readonly isPaused: boolean
  /** Whether it was told to end. */
  readonly isEnding: boolean
  /** Where its log is and how that ends, for people. */
  tail(): string
  /** Asks for one answer; rejects when it ends first or after `ms`. */
  ask<TAnswer>(question: string, ms: number): Promise<TAnswer>
  /** Ends it as `kill -9` does. */
  kill(): Promise<void>
  /** Freezes it for `ms`. It is thawed also when we are killed meanwhile. Resolves when it runs again. */
  pause(ms: number): Promise<void>
  /** Asks it to drain; kills it after 10 s. */
  stop(): Promise<void>
}

export interface ChildOptions {
  readonly name: string
  readonly config: object
  /** The folder for its log. */
  readonly folder: string
  /** Added to its environment. */
  readonly env?: Readonly<Record<string, string>> | undefined
  /** A module that is imported before its own. */
  readonly preload?: string | undefined
  readonly onLine?: (line: string) => void
  /** Receives, in words, that it ended without having been asked. */
  readonly onCrash: (words: string) => void
}

const stopMs = 10_000
const atExit = new Set<() => void>()
process.on('exit', () => {
  for (const act of atExit) act()
})

/** Starts `src/<role>.ts` as a process. It gets `config` as its argument and drains when we are gone. */
export function startChild(
  role: CrewRole | 'writer' | 'customers' | 'checker' | 'clients',
  options: ChildOptions,
): Child {
  const { name, config, folder, env, preload, onLine = () => {}, onCrash } = options
  const script = fileURLToPath(new URL(`./${role}.ts`, import.meta.url))
  const child = fork(script, [JSON.stringify(config)], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    detached: true,
    env: { ...process.env, ...env },
    // Node's own EventSource, for clients of server-sent events.
    execArgv: [
      ...(role === 'clients' ? ['--experimental-eventsource'] : []),
      ...(preload ? ['--import', preload] : []),
    ],
  })
  const log = keepChildLog(`${folder}/${name}.log`, { outputs: [child.stdout, child.stderr], onLine })
  // When it is gone and all that it wrote is read.
  const ended = new Promise<string>((resolve) => child.once('close', (code, signal) => resolve(String(signal ?? code))))
  const isOver = () => child.exitCode !== null || child.signalCode !== null
  const killNow = () => {
    if (!isOver()) child.kill('SIGKILL')
  }
  atExit.add(killNow)
  void ended.then((how) => {
    atExit.delete(killNow)
    log.close()
    if (!isEnding) onCrash(`${name} ended by itself (${how}). ${log.tail()}`)
  })
  let isPaused = false
  let isEnding = false
  return {
    name,
    pid: child.pid,
    ended,
    get isPaused() {
      return isPaused
    },
    get isEnding() {
      return isEnding
    },
    tail: log.tail,
    ask: (question, ms) => askChild(child, { question, ms, name, ended, tail: log.tail }),
    async kill() {
      isEnding = true
      killNow()
      await ended
    },
    async pause(ms) {
      isPaused = true
      await freeze(child.pid!, ms)
      isPaused = false
    },
    async stop() {
      isEnding = true
      if (isOver()) return
      child.kill('SIGTERM')
      const timer = setTimeout(killNow, stopMs)
      await ended
      clearTimeout(timer)
    },
  }
}

/** By a shell of its own, so that nobody stays frozen when we are killed. */
function freeze(pid: number, ms: number): Promise<void> {
  const shell = spawn('/bin/sh', ['-c', `kill -STOP ${pid} && sleep ${ms / 1_000}; kill -CONT ${pid}`], {
    stdio: 'ignore',
    detached: true,
  })
  return new Promise((resolve, reject) => shell.once('exit', () => resolve()).once('error', reject))
}
