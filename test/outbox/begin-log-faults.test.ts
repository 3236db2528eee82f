import { endOf } from '@commitcast/broker'
import { offsetsOf, readUntil } from '@commitcast/broker/contract'
import { postgresBroker } from '@commitcast/broker/postgres'
import { readPages, retireEvents } from '@commitcast/outbox'
import { expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { startRelayProcess } from '../fixtures/relay-process.ts'
import { all, oldDays, schema, segmentOf, write } from './old-days.ts'

test('relays that are killed while a log begins later leave one log, from the first kept event on, without a gap', async () => {
  await using database = await oldDays([9])
  const broker = postgresBroker({ connectionString: database.url })
  const topic = await broker.topic({ name: 'shop-events', epoch: 1, partitions: 1 })
  const start = () => startRelayProcess({ url: database.url, app: 'shop', maxPage: 20 })
  const endsAt = (offset: number) => eventually(async () => expect(await endOf(topic, 0)).toBe(offset), 60_000)
  const rows = async () => {
    const [row] = await database.sql.query<{ count: number }>(
      'select count(*)::int as count from commitcast_broker.message',
    )
    return row!.count
  }

  await write(database, 9, 20)
  {
    await using _relay = start()
    await endsAt(20)
  }
  expect((await retireEvents(database.sql, { storedUpTo: all })).segments).toEqual([segmentOf(9)])
  await write(database, 0, 300)
  await database.sql.query('delete from commitcast_broker.message')
  for (let kills = 0; kills < 6; kills++) {
    const before = await rows()
    await using relay = start()
    // The first one dies when the log has begun, the others amid what follows.
    await eventually(async () => expect(await rows()).toBeGreaterThan(Math.min(before, 280)), 60_000)
    await relay.kill()
  }
  {
    await using _relay = start()
    await endsAt(320)
  }
  const log = await readUntil(topic, { after: 20, until: 320 })
  expect(await topic.first(0)).toBe(21)
  expect(offsetsOf(log)).toEqual(Array.from({ length: 300 }, (_, index) => 21 + index))
  const pages = await readPages(database.sql, { schema, epoch: 1, partition: 0, after: 20, maxPages: 1_000 })
  const assigned = pages.flatMap(({ messages }) => messages)
  expect(log.map(({ id }) => id)).toEqual(assigned.map(({ id }) => id))
  await broker.close()
})
