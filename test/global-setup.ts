import { startNats, startPostgres } from '@commitcast/servers'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  interface ProvidedContext {
    readonly postgresUrl: string
    readonly natsUrl: string
  }
}

/** One Postgres and one NATS for all integration tests; tests that break servers start their own. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const [postgres, nats] = await Promise.all([startPostgres(), startNats()])
  project.provide('postgresUrl', postgres.url)
  project.provide('natsUrl', nats.url)
  process.stdout.write(`servers: ${postgres.origin}; ${nats.origin}\n`)
  return async () => {
    await Promise.all([postgres.stop(), nats.stop()])
  }
}
