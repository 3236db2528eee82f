import { debianProgram } from '../debian/debian-program.ts'
import { hasApt } from '../debian/private-apt.ts'
import type { NotHere } from '../server-unavailable.ts'
import { programOnMachine, usualFolders } from './program-on-machine.ts'
import type { RunAs } from './run-as.ts'
import { runProgram } from './run-program.ts'

export interface PgbouncerProgram {
  readonly path: string
  readonly env: Readonly<Record<string, string>>
  readonly origin: string
}

/** `pgbouncer` on PATH or in a usual folder of the machine. */
export async function pgbouncerOnMachine(user?: RunAs): Promise<PgbouncerProgram | NotHere> {
  const path = await programOnMachine('pgbouncer')
  if (path !== undefined) return pgbouncerProgram({ path, env: {} }, user)
  return { because: `it is not on PATH, nor in ${usualFolders.join(', ')}`, remedy: 'Install pgbouncer' }
}

/** Debian's package, unpacked. */
export async function pgbouncerFromDebian(user?: RunAs): Promise<PgbouncerProgram | NotHere> {
  if (!hasApt()) return { because: 'this machine has no apt-get', remedy: 'See pgbouncer.org for how to install it' }
  return pgbouncerProgram(await debianProgram('pgbouncer', 'pgbouncer', { user }), user)
}

async function pgbouncerProgram(
  { path, env }: Pick<PgbouncerProgram, 'path' | 'env'>,
  user?: RunAs,
): Promise<PgbouncerProgram> {
  const whole = { PATH: process.env.PATH ?? '', ...env }
  const answer = await runProgram(path, ['--version'], { timeoutMs: 60_000, ...user, cwd: '/', env: whole })
  return { path, env: whole, origin: `PgBouncer ${/(\d\S*)/.exec(answer)?.[1]} at ${path}` }
}
