import { ServerUnavailable, startNats, startPostgres } from '@commitcast/servers'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  interface ProvidedContext {
    readonly postgresUrl: string
    /** Empty where no NATS can be had: the tests that need one are left out. */
    readonly natsUrl: string
  }
}

/** One Postgres and one NATS for all integration tests; tests that break servers start their own. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const [postgres, nats] = await Promise.all([startPostgres(), startNats().catch(withoutNats)])
  project.provide('postgresUrl', postgres.url)
  project.provide('natsUrl', nats?.url ?? '')
  process.stdout.write(`servers: ${postgres.origin}; ${nats?.origin ?? 'no NATS'}\n`)
  return async () => {
    await Promise.all([postgres.stop(), nats?.stop()])
  }
}

/** Said loudly, and a failure in CI. */
function withoutNats(error: unknown): undefined {
  if (!(error instanceof ServerUnavailable) || process.env.CI) throw error
  process.stderr.write(`\nTHE NATS TESTS ARE LEFT OUT. ${error.message}\n\n`)
}
