import { afterAll, describe, expect, test, vi } from 'vitest'
import { natsAnswers } from './nats-answers.ts'
import type { Server } from './server.ts'
import { ServerUnavailable } from './server-unavailable.ts'
import { startNats } from './start-nats.ts'

const nats = await startNats({ config: 'max_payload: 2MB' }).catch((error: unknown): undefined => {
  if (!(error instanceof ServerUnavailable) || process.env.CI) throw error
  console.warn(`NATS tests are skipped. ${error.message}`)
})

describe.skipIf(nats === undefined)('NATS', () => {
  const server = nats as Server
  const answers = () => vi.waitFor(() => natsAnswers(server.url), { timeout: 60_000 })
  afterAll(() => server.stop())

  test('NATS answers with JetStream on', async () => {
    expect(server.url).toMatch(/^nats:\/\/.+:\d+$/)
    await answers()
  })

  test('NATS restarts on the same port after kill -9 and after an orderly halt', async () => {
    for (const end of [server.kill, server.halt]) {
      await end()
      await expect(natsAnswers(server.url)).rejects.toThrow()
      await server.restart()
      await answers()
    }
  })

  test('a paused NATS answers again after resume', async () => {
    await server.pause()
    await expect(natsAnswers(server.url)).rejects.toThrow('took longer than 2000 ms')
    await server.resume()
    await answers()
  })

  test('a configuration that cannot be read is told with the last lines of the log', async () => {
    await expect(startNats({ config: 'max_payload: {' })).rejects.toThrow(/\| .*[Pp]arse error/)
  })
})
