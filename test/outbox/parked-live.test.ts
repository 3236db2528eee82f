import { type MemoryStorage, memoryBroker } from '@commitcast/broker/memory'
import { createCommitcast, defineEvents } from 'commitcast'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { freshApp, limit, readLog } from './parked-events.ts'

const events = defineEvents({ 'note.written': { data: z.object({ n: z.number(), text: z.string() }) } })

test('the stream worker makes a filler of a placeholder: no look-up, no channel', async () => {
  await using database = await freshDatabase({ partitions: 1 })
  const storage: MemoryStorage = new Map()
  const broker = memoryBroker(storage, { maxMessageBytes: limit })
  const app = freshApp()
  const cast = createCommitcast({ app, events, db: database.db, broker, listenTo: database.url })
  const seen: string[] = []
  const live = cast
    .live({ channels: (event) => [`note:${seen.push(event.type) && event.key}`] })
    .enrich('author', { id: (event) => event.type, load: async (ids) => new Map(ids.map((id) => [id, `by ${id}`])) })
  const stopping = new AbortController()
  const { signal } = stopping
  const running = cast.run({ roles: ['relay', 'stream'], use: [live], signal })
  await database.db.transaction().execute(async (trx) => {
    for (let n = 1; n <= 9; n++) {
      const text = 'x'.repeat(n % 3 === 0 ? 10_000 : 10)
      await cast.append(trx, { type: 'note.written', key: 'a', data: { n, text } })
    }
  })
  const topic = await broker.topic({ name: `${app}-live`, epoch: 1, partitions: 1 })
  const log = await readLog(topic, 9)
  const told = log.map(({ headers, body }) => (headers.channels ? JSON.parse(body).data.n : body))
  expect(told.join(' ')).toBe('1 2 {} 4 5 {} 7 8 {}')
  expect(JSON.parse(log[0]!.body).metadata).toEqual({ author: 'by note.written' })
  expect(new Set(seen)).toEqual(new Set(['note.written']))
  stopping.abort()
  await running
  await cast.close()
})
