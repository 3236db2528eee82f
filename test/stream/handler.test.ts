import { dropParked, listParked, retryParked } from '@commitcast/outbox'
import { expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { openCounters, parkAtOnce } from './open-counters.ts'

const schema = 'commitcast'

test('a handler gets each event of its types, in order per key, and others are passed over', async () => {
  await using counters = await openCounters()
  const got: Record<string, number[]> = {}
  const mail = counters.cast.handler('mail', {
    'count.grown': ({ key, data }) => {
      got[key] = [...(got[key] ?? []), data.n]
    },
  })
  counters.run([mail], ['relay', 'consume'])
  await counters.db
    .transaction()
    .execute((trx) => counters.cast.append(trx, { type: 'count.told', key: 'a', data: { n: 0 } }))
  for (let round = 0; round < 5; round++) await counters.grow(40)
  const want = Array.from({ length: 50 }, (_, index) => index + 1)
  await eventually(() => expect(got).toEqual({ a: want, b: want, c: want, d: want }))
})

test('keys are handled side by side up to the concurrency, events of one key one after the other', async () => {
  await using counters = await openCounters({ partitions: 1 })
  const running: string[] = []
  let most = 0
  const open: (() => void)[] = []
  const mail = counters.cast.handler(
    'mail',
    {
      async 'count.grown'({ key }) {
        expect(running).not.toContain(key)
        running.push(key)
        most = Math.max(most, running.length)
        await new Promise<void>((resolve) => open.push(resolve))
        running.splice(running.indexOf(key), 1)
      },
    },
    { concurrency: 3, onFailure: parkAtOnce },
  )
  await counters.grow(12)
  counters.run([mail], ['relay', 'consume'])
  for (let done = 0; done < 12; done++) {
    await eventually(() => expect(open.length).toBeGreaterThan(0))
    open.shift()!()
  }
  await eventually(async () => expect(await offsetOf(counters)).toBe(12))
  expect(most).toBe(3)
  expect(await listParked(counters.sql, { schema })).toEqual([])
})

test('the id stays the same over tries, and the attempts are counted', async () => {
  await using counters = await openCounters({ partitions: 1 })
  const tries: { id: string; attempt: number }[] = []
  const mail = counters.cast.handler('mail', {
    'count.grown'({ id }, { attempt }) {
      tries.push({ id, attempt })
      if (attempt < 3) throw new Error('mailbox full')
    },
  })
  counters.run([mail], ['relay', 'consume'])
  await counters.grow(1)
  await eventually(() => expect(tries).toHaveLength(3))
  expect(tries.map(({ attempt }) => attempt)).toEqual([1, 2, 3])
  expect(new Set(tries.map(({ id }) => id)).size).toBe(1)
})

test('what fails again and again is parked with its key, and is handled in order once it is retried', async () => {
  await using counters = await openCounters({ partitions: 1 })
  let isMended = false
  const got: Record<string, number[]> = {}
  const mail = counters.cast.handler(
    'mail',
    {
      'count.grown'({ key, data }) {
        if (data.isBad && !isMended) throw new Error('no such address')
        got[key] = [...(got[key] ?? []), data.n]
      },
    },
    { onFailure: parkAtOnce },
  )
  counters.run([mail], ['relay', 'consume'])
  await counters.grow(8, { keys: ['a', 'b'], bad: [2] })
  await eventually(() => expect(got).toEqual({ a: [1], b: [1, 2, 3, 4] }))
  await eventually(async () => expect(await listParked(counters.sql, { schema })).toHaveLength(3))
  isMended = true
  const [head] = await listParked(counters.sql, { schema })
  expect(head).toMatchObject({ group: 'mail', attempts: 1, reason: 'no such address' })
  await retryParked(counters.sql, { schema, ids: [head!.id] })
  await eventually(() => expect(got).toEqual({ a: [1, 2, 3, 4], b: [1, 2, 3, 4] }))
  await eventually(async () => expect(await listParked(counters.sql, { schema })).toEqual([]))
})

test('where order does not matter, nothing queues behind a parked event', async () => {
  await using counters = await openCounters({ partitions: 1 })
  const got: number[] = []
  const mail = counters.cast.handler(
    'mail',
    {
      'count.grown'({ data }) {
        if (data.isBad) throw new Error('no')
        got.push(data.n)
      },
    },
    { onFailure: parkAtOnce, isOrdered: false },
  )
  counters.run([mail], ['relay', 'consume'])
  await counters.grow(5, { keys: ['a'], bad: [1] })
  await eventually(() => expect(got.sort()).toEqual([1, 3, 4, 5]))
  await eventually(async () => expect(await listParked(counters.sql, { schema })).toHaveLength(1))
})

test('a try that takes too long is told so and counts as failed', async () => {
  await using counters = await openCounters({ partitions: 1 })
  let aborted = 0
  const mail = counters.cast.handler(
    'mail',
    {
      'count.grown': (_, { signal }) => new Promise<void>(() => signal.addEventListener('abort', () => void aborted++)),
    },
    { onFailure: parkAtOnce, timeoutMs: 50 },
  )
  counters.run([mail], ['relay', 'consume'])
  await counters.grow(1)
  await eventually(async () =>
    expect((await listParked(counters.sql, { schema }))[0]?.reason).toBe(
      'The handler took longer than 50 ms. Raise timeoutMs, or let it do less.',
    ),
  )
  expect(aborted).toBe(1)
})

test('with the policy "stop" an event that fails holds its partition, and what was done beside it is not done again', async () => {
  await using counters = await openCounters({ partitions: 1 })
  let isMended = false
  const got: string[] = []
  const mail = counters.cast.handler(
    'mail',
    {
      'count.grown'({ key, data }) {
        if (data.isBad && !isMended) throw new Error('no')
        got.push(`${key}${data.n}`)
      },
    },
    { onFailure: { type: 'stop' } },
  )
  await counters.grow(4, { bad: [1] })
  counters.run([mail], ['relay', 'consume'])
  await eventually(() => expect(JSON.stringify(counters.cast.health())).toContain('fails and is tried again: no'))
  await eventually(() => expect(got.sort()).toEqual(['a1', 'c1', 'd1']))
  isMended = true
  await eventually(() => expect(got.sort()).toEqual(['a1', 'b1', 'c1', 'd1']))
  await eventually(async () => expect(await offsetOf(counters)).toBe(4))
})

test('an outside world that is away parks nothing', async () => {
  await using counters = await openCounters({ partitions: 1 })
  let tries = 0
  const mail = counters.cast.handler(
    'mail',
    {
      async 'count.grown'() {
        if (++tries < 5) await fetch('http://127.0.0.1:59999/')
      },
    },
    { onFailure: parkAtOnce },
  )
  counters.run([mail], ['relay', 'consume'])
  await counters.grow(1)
  await eventually(async () => expect(await offsetOf(counters)).toBe(1))
  expect(tries).toBe(5)
  expect(await listParked(counters.sql, { schema })).toEqual([])
})

test('a handler that is full does nothing twice while it waits, and goes on when there is room', async () => {
  await using counters = await openCounters({ partitions: 1 })
  const got: string[] = []
  const mail = counters.cast.handler(
    'mail',
    {
      'count.grown'({ key, data }) {
        if (data.isBad) throw new Error('no')
        got.push(key)
      },
    },
    { onFailure: { ...parkAtOnce, limit: 1 } },
  )
  await counters.grow(4, { bad: [1, 2] })
  counters.run([mail], ['relay', 'consume'])
  await eventually(() => expect(JSON.stringify(counters.cast.health())).toContain('may have 1 parked events'))
  await eventually(async () => expect(await offsetOf(counters)).toBe(1))
  expect(got.sort()).toEqual(['a', 'd'])
})

test('a worker that is stopped ends what it has begun, and says so', async () => {
  await using counters = await openCounters({ partitions: 1 })
  const open: (() => void)[] = []
  const mail = counters.cast.handler(
    'mail',
    { 'count.grown': () => new Promise<void>((resolve) => open.push(resolve)) },
    { concurrency: 1 },
  )
  await counters.grow(4)
  const relay = counters.run([], ['relay'])
  const worker = counters.run([mail])
  await eventually(() => expect(open).toHaveLength(1))
  const stopped = worker.stop()
  open[0]!()
  await stopped
  expect(await offsetOf(counters)).toBe(1)
  expect(open).toHaveLength(1)
  await relay.stop()
  await dropParked(counters.sql, { schema, ids: 'all' })
})

async function offsetOf({ sql }: { sql: { query<T>(text: string): Promise<T[]> } }): Promise<number> {
  const [row] = await sql.query<{ offset: number }>(
    'select "offset"::float8 as "offset" from commitcast.group_offset order by number desc limit 1',
  )
  return row?.offset ?? -1
}
