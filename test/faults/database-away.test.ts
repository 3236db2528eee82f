import { memoryBroker } from '@commitcast/broker/memory'
import { expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { keepWriting } from '../fixtures/keep-writing.ts'
import { ownPostgres } from '../fixtures/own-postgres.ts'
import { startRelayed } from '../fixtures/relayed.ts'

test('while the database is away the relay says so; after that it goes on, and nothing that was committed is lost', async () => {
  await using database = await ownPostgres({ partitions: 4 })
  const broker = memoryBroker()
  await using relayed = await startRelayed({ ...database, broker, partitions: 4 })
  await using writing = keepWriting(database.sql)
  for (let outage = 0; outage < 2; outage++) {
    const before = await relayed.stored()
    await eventually(async () => expect(await relayed.stored()).toBeGreaterThan(before + 100))
    await database.server.kill()
    const words = await relayed.isWaiting()
    expect(words).toMatch(/ECONNREFUSED|terminat|recovery|starting up|shutting down|ECONNRESET/)
    await database.server.restart()
    await relayed.isReady()
    process.stdout.write(`database away: "${words.slice(0, 200)}"\n`)
  }
  await writing.stop()
  expect(await relayed.hasCarriedAll()).toBeGreaterThanOrEqual(writing.written())
})

test('a database that takes connections and answers nothing is told, too', async () => {
  await using database = await ownPostgres({ partitions: 4 })
  await using relayed = await startRelayed({ ...database, broker: memoryBroker(), partitions: 4 })
  await using writing = keepWriting(database.sql)
  await eventually(async () => expect(await relayed.stored()).toBeGreaterThan(100))
  await database.server.pause()
  expect(await relayed.isWaiting()).toMatch(/The database has not answered for \d+ s/)
  await database.server.resume()
  await relayed.isReady()
  await writing.stop()
  expect(await relayed.hasCarriedAll()).toBeGreaterThanOrEqual(writing.written())
})
