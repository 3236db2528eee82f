import type { Broker, Message } from '@commitcast/broker'
import { postgresBroker } from '@commitcast/broker/postgres'
import { createDatabase } from '@commitcast/servers'
import { expect, inject, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { openDatabase } from '../fixtures/open-database.ts'

const hourMs = 3_600_000

/** A broker's database with a topic in two epochs, 2,500 messages in each, the most of them older than an hour. */
async function openOldTopic() {
  const { url, drop } = await createDatabase(inject('postgresUrl'))
  const database = openDatabase(url, { onEnd: drop })
  await using _filling = closing(postgresBroker({ connectionString: url, listen: false }))
  for (const epoch of [1, 2]) await append(_filling.broker, { epoch, after: 0, count: 2_500 })
  await makeOld(`epoch = 1 or "offset" <= 2400`)

  async function makeOld(which: string) {
    const past = `stored_at - interval '2 hours'`
    await database.sql.query(`update commitcast_broker.message set stored_at = ${past} where ${which}`)
  }
  return {
    ...database,
    url,
    makeOld,
    kept: () =>
      database.sql.query<{ epoch: number; first: number; count: number }>(
        `select epoch, min("offset")::int as first, count(*)::int from commitcast_broker.message group by epoch order by epoch`,
      ),
  }
}

function closing(broker: Broker) {
  return { broker, [Symbol.asyncDispose]: () => broker.close() }
}

async function append(broker: Broker, { epoch, after, count }: { epoch: number; after: number; count: number }) {
  const topic = await broker.topic({ name: 't', epoch, partitions: 1 })
  const messages = Array.from({ length: count }, (_, index): Message => {
    const offset = after + 1 + index
    return { offset, id: `${epoch}-${offset}`, type: 'a', key: 'k', time: '', tx: '1', headers: {}, body: '1' }
  })
  await topic.append(0, after, messages)
  return topic
}

test('what is old goes, in earlier epochs, too, up to the first message that is kept; the newest of each epoch stays', async () => {
  await using database = await openOldTopic()
  // By a clock that was set back: were it taken, there would be a hole before it.
  await database.makeOld(`epoch = 2 and "offset" = 2450`)
  await using trimming = closing(postgresBroker({ connectionString: database.url, listen: false, maxAgeMs: hourMs }))
  const topic = await append(trimming.broker, { epoch: 2, after: 2_500, count: 1 })
  await eventually(async () => {
    expect(await database.kept()).toEqual([
      { epoch: 1, first: 2_500, count: 1 },
      { epoch: 2, first: 2_401, count: 101 },
    ])
  })
  const ended = await trimming.broker.find({ name: 't', epoch: 1, partitions: 1 })
  expect(await ended?.last(0)).toEqual({ offset: 2_500, id: '1-2500' })
  expect(await topic.first(0)).toBe(2_401)
})

test('what can not be removed is said with a code, and appending goes on', async () => {
  await using database = await openOldTopic()
  const said: object[] = []
  const connectionString = `${database.url}?options=-c%20lock_timeout%3D100`
  const logger = { warn: (details: object) => void said.push(details) }
  await using trimming = closing(postgresBroker({ connectionString, listen: false, maxAgeMs: hourMs, logger }))
  const holder = await database.pool.connect()
  try {
    await holder.query('begin')
    await holder.query('select from commitcast_broker.message where epoch = 2 and "offset" = 5 for update')
    await append(trimming.broker, { epoch: 2, after: 2_500, count: 1 })
    await eventually(() => expect(said).toMatchObject([{ code: 'BROKER_TRIM_FAILED', topic: 't', partition: 0 }]))
    await append(trimming.broker, { epoch: 2, after: 2_501, count: 1 })
  } finally {
    await holder.query('rollback')
    holder.release()
  }
})
