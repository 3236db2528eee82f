import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import type { NotHere } from '../server-unavailable.ts'
import { runProgram } from './run-program.ts'

export interface NatsProgram {
  readonly path: string
  readonly env: Readonly<Record<string, string>>
  readonly origin: string
}

const program = 'nats-server'
const usualFolders = ['/usr/sbin', '/usr/local/bin']

/** `nats-server` on PATH or in a usual folder of the machine. */
export async function natsOnMachine(): Promise<NatsProgram | NotHere> {
  const folders = [...(process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== ''), ...usualFolders]
  for (const path of folders.map((folder) => join(folder, program))) {
    if (await isProgram(path)) return natsProgram(path)
  }
  return {
    because: `it is not on PATH, nor in ${usualFolders.join(', ')}`,
    mend: 'Install nats-server, or name one in NATS_SERVER_BIN',
  }
}

/** A NATS server program at a path; it must run and tell its version. */
export async function natsProgram(path: string, env: Readonly<Record<string, string>> = {}): Promise<NatsProgram> {
  const answer = await runProgram(path, ['--version'], {
    timeoutMs: 10_000,
    env: { PATH: process.env.PATH ?? '', ...env },
  })
  const version = /v?(\d\S*)/.exec(answer)?.[1] ?? answer.trim()
  return { path, env, origin: `nats-server ${version} at ${path}` }
}

async function isProgram(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  )
}
