import { BrokerUnavailable, Diverged, OffsetGone } from '@commitcast/broker'
import { makeMessages, offsetsOf, readToTheEnd, readUntil } from '@commitcast/broker/contract'
import { postgresBroker } from '@commitcast/broker/postgres'
import { surviveErrors } from '@commitcast/outbox'
import { createDatabase } from '@commitcast/servers'
import pg from 'pg'
import { describe, expect, inject, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'

const shape = { name: 'shop', epoch: 1, partitions: 1 }

describe('a Postgres broker', () => {
  test('whose tables somebody dropped tells its readers and its writers', async () => {
    await using opened = await openPostgres()
    const topic = await opened.broker.topic(shape)
    await topic.append(0, 0, makeMessages(1, 5))
    const seen: number[] = []
    const reading = (async () => {
      for await (const batch of topic.read(0, 0, patience())) seen.push(...offsetsOf(batch))
    })()
    const told = reading.catch((error: unknown) => error)
    await eventually(() => expect(seen.length).toBe(5))
    await opened.pool.query('drop schema commitcast_broker cascade')
    await expectOutage(topic.append(0, 5, makeMessages(6, 1)), /The tables are gone: bring them back/)
    await expectOutage(topic.last(0), /The tables are gone/)
    expect((await readToTheEnd(topic.read(0, 0, patience()))).error).toBeInstanceOf(Diverged)
    expect(await told).toBeInstanceOf(Diverged)
    expect(await opened.broker.find(shape)).toBeUndefined()
  })

  test('that is read-only waits with words, reads meanwhile, and goes on', async () => {
    await using opened = await openPostgres()
    const topic = await opened.broker.topic(shape)
    await topic.append(0, 0, makeMessages(1, 5))
    const database = new URL(opened.url).pathname.slice(1)
    await opened.pool.query(`alter database ${database} set default_transaction_read_only = on`)
    await using other = openBroker(opened.url)
    const there = (await other.broker.find(shape))!
    await expectOutage(there.append(0, 5, makeMessages(6, 1)), /It is read-only, as a standby is: name the primary/)
    expect((await readUntil(there, { until: 5 })).length).toBe(5)
    await topic.append(0, 5, makeMessages(6, 1))
    expect((await readUntil(there, { after: 5, until: 6 })).length).toBe(1)
  })

  test('in a database that is not there says which setting to mend', async () => {
    await using opened = await openPostgres()
    const url = new URL(opened.url)
    url.pathname = '/nowhere'
    await using elsewhere = openBroker(url.href)
    await expectOutage(elsewhere.broker.topic(shape), /Fix the database in the connection string/)
  })

  test('whose user may not use the tables says what to grant', async () => {
    await using opened = await openPostgres()
    await opened.broker.topic(shape)
    const user = `guest${process.pid}`
    await opened.pool.query(`create role ${user} login password 'guest'`)
    const url = new URL(opened.url)
    url.username = user
    url.password = 'guest'
    await using guest = openBroker(url.href)
    await expectOutage(guest.broker.topic(shape), /Grant this user the schema/)
    await opened.pool.query(`drop role ${user}`)
  })

  test('makes nothing when it looks for a topic', async () => {
    await using opened = await openPostgres()
    expect(await opened.broker.find(shape)).toBeUndefined()
    const { rows } = await opened.pool.query(`select to_regnamespace('commitcast_broker') as schema`)
    expect(rows).toEqual([{ schema: null }])
  })

  test('removes what is older than it keeps, never the newest; who asks for it is told', async () => {
    await using opened = await openPostgres()
    const topic = await opened.broker.topic(shape)
    await topic.append(0, 0, makeMessages(1, 20))
    await opened.pool.query(`update commitcast_broker.message set stored_at = stored_at - interval '8 days'`)
    await using other = openBroker(opened.url)
    const there = await other.broker.topic(shape)
    await there.append(0, 20, makeMessages(21, 1))
    await eventually(async () => expect(await topic.first(0)).toBe(21))
    expect((await readToTheEnd(topic.read(0, 7, patience()))).error).toBeInstanceOf(OffsetGone)
    expect((await topic.last(0))?.offset).toBe(21)
  })

  test('has no place for a hole at the end of what a reader has: it is told as soon as more comes', async () => {
    await using opened = await openPostgres()
    const topic = await opened.broker.topic(shape)
    await topic.append(0, 0, makeMessages(1, 12))
    await opened.pool.query('delete from commitcast_broker.message where "offset" between 5 and 7')
    const { messages, error } = await readToTheEnd(topic.read(0, 0, { ...patience(), maxBatch: 4 }))
    expect(offsetsOf(messages)).toEqual([1, 2, 3, 4])
    expect(error).toBeInstanceOf(Diverged)
    expect(String(error)).toMatch(/no message at offset 5/)
  })
})

async function openPostgres() {
  const { url, drop } = await createDatabase(inject('postgresUrl'))
  const pool = surviveErrors(new pg.Pool({ connectionString: url, max: 2 }))
  const { broker } = openBroker(url)
  return {
    url,
    pool,
    broker,
    async [Symbol.asyncDispose]() {
      await broker.close()
      await pool.end()
      await drop()
    },
  }
}

function openBroker(connectionString: string) {
  const broker = postgresBroker({ connectionString })
  return { broker, [Symbol.asyncDispose]: () => broker.close() }
}

async function expectOutage(work: Promise<unknown>, words: RegExp): Promise<void> {
  const failure = await work.catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(BrokerUnavailable)
  expect(String(failure)).toMatch(words)
}

function patience() {
  return { signal: AbortSignal.timeout(60_000) }
}
