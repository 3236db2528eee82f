import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'

const folder = fileURLToPath(new URL('.', import.meta.url))

/** An application that gives no logger: its relay, as a process. */
const application = (url: string, schema: string) => `
  import { memoryBroker } from '@commitcast/broker/memory'
  import { createCommitcast, defineEvents } from 'commitcast'
  import { Kysely, PostgresDialect } from 'kysely'
  import pg from 'pg'
  const db = new Kysely({ dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: '${url}' }) }) })
  const cast = createCommitcast({ app: 'shop', events: defineEvents({}), db, broker: memoryBroker(), schema: '${schema}' })
  await cast.run({ roles: ['relay'], signal: new AbortController().signal })`

/** What it prints, until the block ends. */
function start(url: string, schema: string) {
  const args = ['--input-type=module', '--eval', application(url, schema)]
  const child = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  const printed = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => {
      printed[name] += text
    })
  return Object.assign(printed, { [Symbol.dispose]: () => void child.kill('SIGKILL') })
}

test('without a logger a wrong database address is a warning on standard error', async () => {
  using app = start('postgres://nobody@127.0.0.1:1/nothing', 'commitcast')
  await eventually(() => expect(app.stderr).toMatch(/"level":40.*ECONNREFUSED.*"msg":"relay waits"/))
  expect(app.stdout).toBe('')
})

test('without a logger tables that are missing are an error on standard error, which says what to run', async () => {
  await using database = await freshDatabase()
  using app = start(database.url, 'elsewhere')
  await eventually(() => expect(app.stderr).toMatch(/"level":50.*SCHEMA_OUTDATED.*run \\"commitcast migrate\\"/))
  expect(app.stdout).toBe('')
})
