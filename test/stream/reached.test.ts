import { type MemoryStorage, memoryBroker } from '@commitcast/broker/memory'
import { dropParked, listParked, retryParked } from '@commitcast/outbox'
import { silentLogger } from '@commitcast/worker'
import { createCommitcast, defineEvents } from 'commitcast'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { openCounters, parkAtOnce } from './open-counters.ts'

type Counters = Awaited<ReturnType<typeof openCounters>>

const append = ({ db, cast }: Counters, n: number, { key = 'a', isBad = false } = {}) =>
  db
    .transaction()
    .execute((trx) => cast.append(trx, { type: 'count.grown', key, data: { n, ...(isBad && { isBad }) } }))

test('a command reads what it wrote: reached resolves when the projection has applied its events, in each group', async () => {
  await using counters = await openCounters({ partitions: 4 })
  const { cast, db, sql } = counters
  const sales = cast.projection('sales', counters.see)
  counters.run([sales, cast.handler('mail', {})], ['relay', 'consume'])
  for (let n = 1; n <= 5; n++) {
    const told = ['a', 'b', 'c'].map((key) => ({ type: 'count.grown' as const, key, data: { n } }))
    const ids = await db.transaction().execute((trx) => cast.append(trx, told))
    await cast.reached('sales', ids)
    expect(await sql.query('select from seen where n = $1', [n])).toHaveLength(3)
    await cast.reached('mail', ids)
  }
  await cast.reached('sales', [])
})

test('what is not reached in time is named, with the reason', async () => {
  await using counters = await openCounters({ partitions: 1 })
  const { cast } = counters
  const reached = (group: string, ids: readonly string[], timeoutMs = 300) => {
    const began = performance.now()
    return cast.reached(group, ids, { timeoutMs }).then(
      () => undefined,
      (error) => ({ error, ms: performance.now() - began }),
    )
  }
  const first = await append(counters, 1)
  const unassigned = await reached('sales', first)
  expect(unassigned?.error).toMatchObject({
    name: 'NotReached',
    code: 'NOT_REACHED',
    retryable: true,
    group: 'sales',
    missing: [{ id: first[0], why: 'unassigned' }],
    message: expect.stringMatching(/awaited for 300 ms.*has no offset yet/),
  })
  expect(unassigned!.ms).toBeLessThan(5_000)

  const failing = { isOn: true }
  const sales = cast.projection(
    'sales',
    async (batch, trx) => {
      if (failing.isOn && batch.some(({ data }) => 'isBad' in data)) throw new Error('no')
      await counters.see(batch, trx)
    },
    { onFailure: parkAtOnce },
  )
  counters.run([], ['relay'])
  await eventually(async () => expect(await counters.sql.query('select from commitcast.page')).toHaveLength(1))
  const behind = await reached('sales', first)
  expect(behind?.error.missing).toEqual([{ id: first[0], why: 'behind', partition: 0, offset: 1 }])
  expect(behind?.error.message).toMatch(/offset 1 in partition 0, where "sales" has never begun/)

  counters.run([sales])
  await cast.reached('sales', first)
  const [bad] = await append(counters, 2, { isBad: true })
  const [good] = await append(counters, 1, { key: 'b' })
  await cast.reached('sales', [good!])
  const parked = await reached('sales', [bad!, good!])
  expect(parked?.error).toMatchObject({ missing: [{ id: bad, why: 'parked' }] })

  const waiting = cast.reached('sales', [bad!])
  const [row] = await listParked(counters.sql, { schema: 'commitcast' })
  await dropParked(counters.sql, { schema: 'commitcast', ids: [row!.id] })
  await expect(waiting).rejects.toMatchObject({ missing: [{ id: bad, why: 'dropped' }] })
})

test('what the broker refused is parked, and reached at its new offset after it was retried', async () => {
  await using database = await freshDatabase({ partitions: 1 })
  const storage: MemoryStorage = new Map()
  const events = defineEvents({ 'thing.made': { data: z.object({ text: z.string() }) } })
  const open = (maxMessageBytes?: number) =>
    createCommitcast({
      ...{ app: 'shop', events, db: database.db, logger: silentLogger },
      broker: memoryBroker(storage, maxMessageBytes === undefined ? {} : { maxMessageBytes }),
    })
  const [low, high] = [open(2_000), open()]
  const seen: string[] = []
  const mail = high.handler('mail', { 'thing.made': ({ data }) => void seen.push(data.text.slice(0, 3)) })
  const [first, second] = [new AbortController(), new AbortController()]
  const lowRuns = low.run({ signal: first.signal })
  const highRuns = high.run({ roles: ['consume'], use: [mail], signal: second.signal })
  const [large, small] = await database.db.transaction().execute((trx) =>
    low.append(trx, [
      { type: 'thing.made', key: 'a', data: { text: `big${'x'.repeat(5_000)}` } },
      { type: 'thing.made', key: 'a', data: { text: 'small' } },
    ]),
  )
  await low.reached('mail', [small!])
  await expect(low.reached('mail', [large!], { timeoutMs: 200 })).rejects.toMatchObject({
    missing: [{ id: large, why: 'parked' }],
  })
  const waiting = low.reached('mail', [large!, small!])
  first.abort()
  await lowRuns
  const relays = high.run({ signal: second.signal })
  await retryParked(database.sql, { schema: 'commitcast', ids: 'all' })
  await waiting
  expect(seen).toEqual(['sma', 'big'])
  second.abort()
  await Promise.all([highRuns, relays])
})

test('waiting ends when its signal aborts; what is no id is refused', async () => {
  await using counters = await openCounters({ partitions: 1 })
  const ids = await append(counters, 1)
  const leaving = new AbortController()
  const waiting = counters.cast.reached('sales', ids, { signal: leaving.signal })
  leaving.abort(new Error('the user has left'))
  await expect(waiting).rejects.toThrow('the user has left')
  await expect(counters.cast.reached('sales', ['42'])).rejects.toThrow(/"42" is not the id of an event/)
  await expect(counters.cast.reached('sales', ids, { timeoutMs: 0 })).rejects.toThrow(RangeError)
})
