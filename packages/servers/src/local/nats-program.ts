import type { NotHere } from '../server-unavailable.ts'
import { programOnMachine, usualFolders } from './program-on-machine.ts'
import { runProgram } from './run-program.ts'

export interface NatsProgram {
  readonly path: string
  readonly env: Readonly<Record<string, string>>
  readonly origin: string
}

/** `nats-server` on PATH or in a usual folder of the machine. */
export async function natsOnMachine(): Promise<NatsProgram | NotHere> {
  const path = await programOnMachine('nats-server')
  if (path !== undefined) return natsProgram(path)
  return {
    because: `it is not on PATH, nor in ${usualFolders.join(', ')}`,
    remedy: 'Install nats-server, or name one in NATS_SERVER_BIN',
  }
}

/** A NATS server program at a path; it must run and tell its version. */
export async function natsProgram(path: string, env: Readonly<Record<string, string>> = {}): Promise<NatsProgram> {
  const answer = await runProgram(path, ['--version'], {
    timeoutMs: 60_000,
    env: { PATH: process.env.PATH ?? '', ...env },
  })
  const version = /v?(\d\S*)/.exec(answer)?.[1] ?? answer.trim()
  return { path, env, origin: `nats-server ${version} at ${path}` }
}
