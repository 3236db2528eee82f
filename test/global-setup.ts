import { randomUUID } from 'node:crypto'
import { ServerUnavailable, startNats, startPostgres } from '@commitcast/servers'
import pg from 'pg'
import type { TestProject } from 'vitest/node'
import { natsCanBegin } from './fixtures/nats-can-begin.ts'

declare module 'vitest' {
  interface ProvidedContext {
    readonly postgresUrl: string
    /** Empty where no NATS can be had: the tests that need one are left out. */
    readonly natsUrl: string
    /** Whether a log can begin later there than at 1. */
    readonly natsCanBegin: boolean
    /** How the names of this run's template databases begin. */
    readonly templates: string
  }
}

/** Nothing has to reach the disk, because no test kills this server. Many test files use it at once. */
const settings = { fsync: 'off', full_page_writes: 'off', max_connections: '500' }

/** One Postgres and one NATS for all integration tests; tests that break servers start their own. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const [postgres, nats] = await Promise.all([startPostgres({ settings }), startNats().catch(withoutNats)])
  const templates = `template_${randomUUID().slice(0, 8)}_`
  project.provide('postgresUrl', postgres.url)
  project.provide('natsUrl', nats?.url ?? '')
  project.provide('natsCanBegin', nats !== undefined && (await natsCanBegin(nats.url)))
  project.provide('templates', templates)
  process.stdout.write(`servers: ${postgres.origin}; ${nats?.origin ?? 'no NATS'}\n`)
  return async () => {
    await dropTemplates(postgres.url, templates)
    await Promise.all([postgres.stop(), nats?.stop()])
  }
}

/** A server at an address outlives the run. */
async function dropTemplates(url: string, beginning: string): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  const { rows } = await client.query('select datname as name from pg_database where starts_with(datname, $1)', [
    beginning,
  ])
  for (const { name } of rows) await client.query(`drop database "${name}" with (force)`)
  await client.end()
}

/** Said loudly, and a failure in CI. */
function withoutNats(error: unknown): undefined {
  if (!(error instanceof ServerUnavailable) || process.env.CI) throw error
  process.stderr.write(`\nTHE NATS TESTS ARE LEFT OUT. ${error.message}\n\n`)
}
