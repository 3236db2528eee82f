import { endOf } from '@commitcast/broker'
import { memoryBroker } from '@commitcast/broker/memory'
import { createCommitcast, defineEvents, type Logger } from 'commitcast'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { readLog } from '../fixtures/read-log.ts'

const events = defineEvents({ 'order.placed': { data: z.object({ n: z.number() }) } })

test("groups and stream workers pass over a process's time-out, without a warning and without a query", async () => {
  await using database = await freshDatabase({ partitions: 1 })
  const lines: unknown[] = []
  const note = (line: unknown) => void lines.push(line)
  const logger: Logger = { debug() {}, info() {}, warn: note, error: note }
  const broker = memoryBroker()
  const cast = createCommitcast({ app: 'shop', events, db: database.db, broker, logger })
  const handled: number[] = []
  const handler = cast.handler('orders', { 'order.placed': async ({ data }) => void handled.push(data.n) })
  const live = cast.live({ channels: (event) => [`n:${event.data.n}`] })
  await database.sql.query(
    `select commitcast.schedule('reserve', now(), 'commitcast.timeout', 'k', '{"name":"reserve"}', owner => 'process/purchase/1')`,
  )
  const stopping = new AbortController()
  const running = cast.run({ use: [handler, live], signal: stopping.signal })
  try {
    await eventually(async () => expect(await database.sql.query('select from commitcast.outbox')).toHaveLength(1))
    await database.db
      .transaction()
      .execute((trx) => cast.append(trx, { type: 'order.placed', key: 'k', data: { n: 1 } }))
    await eventually(() => expect(handled).toEqual([1]))
    const topic = await broker.topic({ name: 'shop-live', epoch: 1, partitions: 1 })
    await eventually(async () => expect(await endOf(topic, 0)).toBe(2))
    const [timeout, placed] = await readLog(topic, 0)
    expect(timeout).toMatchObject({ offset: 1, headers: expect.not.objectContaining({ channels: expect.anything() }) })
    expect(timeout?.body).not.toContain('reserve')
    expect(placed).toMatchObject({ offset: 2, type: 'order.placed' })
    expect(lines).toEqual([])
  } finally {
    stopping.abort()
    await running
    await cast.close()
  }
})
