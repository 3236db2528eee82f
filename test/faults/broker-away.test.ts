import type { Broker } from '@commitcast/broker'
import { natsBroker } from '@commitcast/broker/nats'
import { postgresBroker } from '@commitcast/broker/postgres'
import { type Server, startNats, startPostgres } from '@commitcast/servers'
import { expect, inject, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { keepWriting } from '../fixtures/keep-writing.ts'
import { startRelayed } from '../fixtures/relayed.ts'

const brokers: Record<string, readonly [() => Promise<Server>, (url: string) => Broker]> = {
  nats: [() => startNats(), (url) => natsBroker({ servers: url, timeoutMs: 2_000 })],
  postgres: [() => startPostgres(), (url) => postgresBroker({ connectionString: url })],
}
const names = Object.keys(brokers).filter((name) => name !== 'nats' || inject('natsUrl'))

test.each(names)(
  'while the broker (%s) is away, writers go on and the relay says what it waits for; after that nothing is lost',
  async (name) => {
    const [start, open] = brokers[name]!
    await using database = await freshDatabase({ partitions: 4 })
    await using server = await start()
    const broker = open(server.url)
    await using _closing = { [Symbol.asyncDispose]: () => broker.close() }
    await using relayed = await startRelayed({ ...database, broker, partitions: 4 })
    await using writing = keepWriting(database.sql)
    await eventually(async () => expect(await relayed.stored()).toBeGreaterThan(100))
    await server.kill()
    const before = writing.written()
    const words = await relayed.isWaiting()
    expect(words).not.toMatch(/diverged|will never/i)
    await eventually(() => expect(writing.written()).toBeGreaterThan(before + 500))
    await server.restart()
    await relayed.isReady()
    await writing.stop()
    const carried = await relayed.hasCarriedAll()
    expect(carried).toBe(writing.written())
    process.stdout.write(`${name} away: "${words.slice(0, 200)}"; ${carried} events carried\n`)
  },
)
