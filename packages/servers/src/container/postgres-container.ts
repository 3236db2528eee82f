import { randomUUID } from 'node:crypto'
import { postgresAnswers } from '../ask-postgres.ts'
import type { Server } from '../server.ts'
import type { NotHere } from '../server-unavailable.ts'
import { containerServer } from './container-server.ts'
import { dockerEngine, type ImageWish } from './docker-engine.ts'

export interface PostgresContainerOptions extends ImageWish {
  readonly settings: Readonly<Record<string, string>>
}

/** We ask the server ourselves; the check that comes with the class would run a program four times a second for ever. */
const hardlyEver = { test: ['CMD-SHELL', 'true'] as ['CMD-SHELL', string], interval: 3_600_000 }

/** A Postgres of our own in a container. */
export async function postgresContainer({ settings, ...wish }: PostgresContainerOptions): Promise<Server | NotHere> {
  const engine = await dockerEngine(wish)
  if ('because' in engine) return engine
  const { PostgreSqlContainer } = await import('@testcontainers/postgresql')
  // The engine opens the port to the whole network.
  const password = randomUUID()
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  return containerServer(engine, {
    image: wish.image,
    port: 5432,
    stopSignal: 'SIGINT',
    container: () =>
      new PostgreSqlContainer(wish.image)
        .withUsername('postgres')
        .withPassword(password)
        .withDatabase('postgres')
        .withHealthCheck(hardlyEver)
        .withCommand(['postgres', ...flags]),
    url: (at) => `postgres://postgres:${password}@${at}/postgres`,
    answers: postgresAnswers,
  })
}
