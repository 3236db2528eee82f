import { fork, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
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
  readonly onLine?: (line: string) => void
}

const stopMs = 10_000
const atExit = new Set<() => void>()
process.on('exit', () => {
  for (const act of atExit) act()
})

/** Starts `src/<role>.ts` as a process. It gets `config` as its argument and drains when we are gone. */
export function startChild(role: CrewRole | 'writer' | 'checker' | 'clients', options: ChildOptions): Child {
  const { name, config, folder, onLine = () => {} } = options
  const script = fileURLToPath(new URL(`./${role}.ts`, import.meta.url))
  const child = fork(script, [JSON.stringify(config)], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    detached: true,
    // Node's own EventSource, for clients of server-sent events.
    execArgv: role === 'clients' ? ['--experimental-eventsource'] : [],
  })
  const log = createWriteStream(`${folder}/${name}.log`)
  for (const output of [child.stdout, child.stderr]) {
    if (output)
      createInterface(output).on('line', (line) => {
        log.write(`${line}\n`)
        onLine(line)
      })
  }
  const ended = new Promise<string>((resolve) => child.once('exit', (code, signal) => resolve(String(signal ?? code))))
  const isOver = () => child.exitCode !== null || child.signalCode !== null
  const killNow = () => {
    if (!isOver()) child.kill('SIGKILL')
  }
  atExit.add(killNow)
  void ended.then(() => {
    atExit.delete(killNow)
    log.end()
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
    ask: (question, ms) => ask(child, { question, ms, ended }),
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

interface Asking {
  readonly question: string
  readonly ms: number
  readonly ended: Promise<string>
}

function ask<TAnswer>(child: ReturnType<typeof fork>, { question, ms, ended }: Asking): Promise<TAnswer> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      clearTimeout(timer)
      child.off('message', hear)
      act()
    }
    const hear = (message: unknown) => {
      const said = message as { to?: string; answer?: TAnswer }
      if (said.to === question) settle(() => resolve(said.answer!))
    }
    const timer = setTimeout(() => settle(() => reject(new Error(`No answer to "${question}" in ${ms} ms.`))), ms)
    child.on('message', hear)
    void ended.then((how) => settle(() => reject(new Error(`It ended (${how}) when asked "${question}".`))))
    child.send(question, (error) => error && settle(() => reject(error)))
  })
}

/** By a shell of its own, so that nobody stays frozen when we are killed. */
function freeze(pid: number, ms: number): Promise<void> {
  const shell = spawn('/bin/sh', ['-c', `kill -STOP ${pid} && sleep ${ms / 1_000}; kill -CONT ${pid}`], {
    stdio: 'ignore',
    detached: true,
  })
  return new Promise((resolve, reject) => shell.once('exit', () => resolve()).once('error', reject))
}
