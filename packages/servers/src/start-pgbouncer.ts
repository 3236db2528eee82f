import { firstWay, type Way } from './first-way.ts'
import { localPgbouncer } from './local/local-pgbouncer.ts'
import { type PgbouncerProgram, pgbouncerFromDebian, pgbouncerOnMachine } from './local/pgbouncer-program.ts'
import { type RunAs, unprivilegedUser } from './local/run-as.ts'
import type { Server } from './server.ts'
import type { NotHere } from './server-unavailable.ts'

export interface PgbouncerOptions {
  /** Settings on top of ours, as in pgbouncer.ini. Default: none. */
  readonly settings?: Readonly<Record<string, string>>
}

const pooling = { pool_mode: 'transaction', default_pool_size: '5', max_client_conn: '500' }

/**
 * A PgBouncer in transaction mode, with five connections to the Postgres behind it. Its `url` is that one's with another
 * address; with another path it leads to another database of the same server. Always a program of our own: the machine's,
 * or else Debian's package. Throws `ServerUnavailable` when there is none. Gone soon after this process, however that ends.
 */
export async function startPgbouncer(
  postgres: { readonly url: string },
  { settings = {} }: PgbouncerOptions = {},
): Promise<Server> {
  const way = (name: string, find: (user?: RunAs) => Promise<PgbouncerProgram | NotHere>): Way => ({
    name,
    kind: 'local',
    whenBroken: 'Fix that',
    async start() {
      const user = unprivilegedUser()
      const program = await find(user)
      if ('because' in program) return program
      return localPgbouncer(program, { user, postgres: postgres.url, settings: { ...pooling, ...settings } })
    },
  })
  const ways = [way('pgbouncer on this machine', pgbouncerOnMachine), way('Debian package', pgbouncerFromDebian)]
  return firstWay({ server: 'PgBouncer', ways })
}
