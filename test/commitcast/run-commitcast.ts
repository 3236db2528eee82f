import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { lastLines } from '../fixtures/last-lines.ts'

const main = fileURLToPath(new URL('../../packages/commitcast/src/cli/main.ts', import.meta.url))
const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** How the program ended, and what it printed. */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Starts the program as a user does, with no other environment than what is given. A failing test tells what it printed. */
export function startCommitcast(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { PATH, NODE_COMPILE_CACHE } = process.env
  const child = spawn(process.execPath, [main, ...args], {
    env: { PATH, NODE_COMPILE_CACHE, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  const lines = lastLines()
  lines.follow(`commitcast ${args[0]}`, child)
  lines.tellOnFailure()
  const said = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => {
      said[name] += text
    })
  const ended = once(child, 'close').then(([code]): Ended => {
    running.delete(child)
    return { code, ...said }
  })
  return { child, ended, stdout: () => said.stdout }
}

/** Runs the program to its end. */
export function runCommitcast(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Ended> {
  return startCommitcast(args, env).ended
}
