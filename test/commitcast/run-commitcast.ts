import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { lastLines } from '../fixtures/last-lines.ts'

const main = fileURLToPath(new URL('../../packages/commitcast/src/cli/main.ts', import.meta.url))

/** How the program ended, and what it printed. */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

type Environment = Readonly<Record<string, string>>

/** Runs the program to its end as a user does, with no other environment than what is given. */
export function runCommitcast(args: readonly string[], env?: Environment): Promise<Ended> {
  return spawnCommitcast(args, env).ended
}

/** Starts a program that runs until it is stopped, or the test ends. Where the test fails, what it printed is part of the error. */
export function startCommitcast(args: readonly string[], env?: Environment) {
  const started = spawnCommitcast(args, env)
  const lines = lastLines()
  lines.follow(`commitcast ${args[0]}`, started.child)
  lines.tellOnFailure()
  onTestFinished(() => void started.child.kill('SIGKILL'))
  return started
}

function spawnCommitcast(args: readonly string[], env: Environment = {}) {
  const { PATH, NODE_COMPILE_CACHE } = process.env
  const child = spawn(process.execPath, [main, ...args], {
    env: { PATH, NODE_COMPILE_CACHE, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const said = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => {
      said[name] += text
    })
  const ended = once(child, 'close').then(([code]): Ended => ({ code, ...said }))
  return { child, ended, stdout: () => said.stdout }
}
