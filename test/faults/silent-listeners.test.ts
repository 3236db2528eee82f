import { makeMessages, offsetsOf } from '@commitcast/broker/contract'
import { memoryBroker } from '@commitcast/broker/memory'
import { postgresBroker } from '@commitcast/broker/postgres'
import { defineEvents } from '@commitcast/events'
import { createAppend, runRelay } from '@commitcast/outbox'
import { createDatabase } from '@commitcast/servers'
import { expect, inject, test } from 'vitest'
import { z } from 'zod'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { openNetwork } from '../fixtures/network.ts'

const portOf = (url: string) => Number(new URL(url).port)
const recoveredMs = 30_000
const events = defineEvents({ 'thing.done': { data: z.object({ n: z.number() }) } })

test('hints over Postgres arrive again within 30 s after the network forgot their connection', async () => {
  await using opened = await openBrokers()
  const { behind, direct } = opened
  const ending = new AbortController()
  const heard: string[] = []
  const listening = behind.hints!.listen('shop-hints', { signal: ending.signal, onHint: (text) => heard.push(text) })
  const hears = (text: string, ms?: number) =>
    eventually(async () => {
      await direct.hints!.send('shop-hints', text)
      expect(heard).toContain(text)
    }, ms)
  await hears('before')
  opened.network.forget()
  await hears('after', recoveredMs)
  ending.abort()
  await listening
})

test('readers of the Postgres broker get what was appended within 30 s after the network forgot all connections', async () => {
  await using opened = await openBrokers()
  const shape = { name: 'shop-events', epoch: 1, partitions: 1 }
  const [there, here] = [await opened.direct.topic(shape), await opened.behind.topic(shape)]
  const ending = new AbortController()
  const read: number[] = []
  const reading = (async () => {
    for await (const batch of here.read(0, 0, { signal: ending.signal })) read.push(...offsetsOf(batch))
  })()
  await there.append(0, 0, makeMessages(1, 1))
  await eventually(() => expect(read).toEqual([1]))
  opened.network.forget()
  await there.append(0, 1, makeMessages(2, 2))
  await eventually(() => expect(read).toEqual([1, 2, 3]), recoveredMs)
  ending.abort()
  await reading
})

test('a sleeping relay is woken again within 30 s after the network forgot its connection for LISTEN', async () => {
  await using database = await freshDatabase({ partitions: 1 })
  await using network = await openNetwork(() => portOf(database.url))
  const broker = memoryBroker()
  const ending = new AbortController()
  const relay = runRelay({
    sql: database.sql,
    broker,
    app: 'shop',
    schema: 'commitcast',
    signal: ending.signal,
    listenTo: network.through(database.url),
    pollMs: 3_600_000,
  })
  const append = createAppend(events)
  const place = () =>
    database.db.transaction().execute((trx) => append(trx, { type: 'thing.done', key: 'a', data: { n: 1 } }))
  const topic = await broker.topic({ name: 'shop-events', epoch: 1, partitions: 1 })
  const carried = async (count: number, ms?: number) =>
    eventually(async () => expect((await topic.last(0))?.offset).toBe(count), ms)
  await place()
  await carried(1)
  await eventually(async () =>
    expect(await database.sql.query('select from commitcast.sleeping_relay')).toHaveLength(1),
  )
  network.forget()
  await place()
  await carried(2, recoveredMs)
  ending.abort()
  await relay.done
})

/** One broker behind a network, and one beside it, on the same database. */
async function openBrokers() {
  const { url, drop } = await createDatabase(inject('postgresUrl'), 'silent')
  const network = await openNetwork(() => portOf(url))
  const direct = postgresBroker({ connectionString: url })
  const behind = postgresBroker({ connectionString: network.through(url) })
  return {
    network,
    direct,
    behind,
    async [Symbol.asyncDispose]() {
      await Promise.all([direct.close(), behind.close()])
      await network[Symbol.asyncDispose]()
      await drop()
    },
  }
}
