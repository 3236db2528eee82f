import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { postgresAnswers } from './ask-postgres.ts'
import { freePort } from './free-port.ts'
import type { Server } from './server.ts'
import { startPostgres } from './start-postgres.ts'

let owned: Server
beforeAll(async () => {
  owned = await startPostgres()
  vi.stubEnv('TEST_SERVERS', '')
})
afterAll(() => owned?.stop())
afterEach(() => vi.stubEnv('TEST_POSTGRES_URL', ''))

test('a server at a given address is used as it is and can be neither ended nor frozen', async () => {
  vi.stubEnv('TEST_POSTGRES_URL', owned.url)
  const given = await startPostgres()
  expect(given).toMatchObject({ url: owned.url, origin: 'address from TEST_POSTGRES_URL' })
  for (const verb of ['halt', 'kill', 'restart', 'pause', 'resume'] as const) {
    await expect(given[verb]()).rejects.toThrow(
      `Cannot ${verb} the server at the address from TEST_POSTGRES_URL: it is not ours. Unset TEST_POSTGRES_URL.`,
    )
  }
})

test('a test that is done with a given server leaves it running', async () => {
  vi.stubEnv('TEST_POSTGRES_URL', owned.url)
  const given = await startPostgres()
  await given.stop()
  await postgresAnswers(owned.url)
})

test('a given address where nobody answers is an error, not a reason to take another server', async () => {
  vi.stubEnv('TEST_POSTGRES_URL', `postgres://postgres@127.0.0.1:${await freePort()}/postgres`)
  await expect(startPostgres()).rejects.toThrow(/^The server named by TEST_POSTGRES_URL does not answer: .*, or unset/)
})
