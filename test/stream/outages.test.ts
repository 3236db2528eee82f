import { listParked, retryParked, sqlOf } from '@commitcast/outbox'
import { expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { openDatabase } from '../fixtures/open-database.ts'
import { ownPostgres } from '../fixtures/own-postgres.ts'
import { openCounters, parkAtOnce } from './open-counters.ts'

const schema = 'commitcast'
const keys = ['a', 'b', 'c', 'd', 'e', 'f']
type Counters = Awaited<ReturnType<typeof openCounters>>

/** What a handler did, per key; each call fails while `isDown`. */
function openWebhook() {
  const webhook = {
    isDown: false,
    failures: 0,
    got: {} as Record<string, number[]>,
    handles: {
      'count.grown'({ key, data }: { key: string; data: { n: number } }) {
        if (webhook.isDown) {
          webhook.failures++
          throw new Error('The webhook answered 503.')
        }
        webhook.got[key] = [...(webhook.got[key] ?? []), data.n]
      },
    },
  }
  return webhook
}

const upTo = (n: number) => Object.fromEntries(keys.map((key) => [key, Array.from({ length: n }, (_, i) => i + 1)]))

test('a webhook that fails for some tries parks nothing', async () => {
  await using counters = await openCounters({ partitions: 1 })
  const webhook = openWebhook()
  webhook.isDown = true
  counters.run([counters.cast.handler('mail', webhook.handles)], ['relay', 'consume'])
  await counters.grow(12, { keys })
  // The first batch may hold one event only.
  await eventually(() => expect(webhook.failures).toBeGreaterThan(4))
  webhook.isDown = false
  await eventually(() => expect(webhook.got).toEqual(upTo(2)))
  expect(await listParked(counters.sql, { schema })).toEqual([])
})

test('a handler whose queue is full recovers by itself when the cause is gone, in order per key', async () => {
  await using counters = await openCounters({ partitions: 1 })
  const webhook = openWebhook()
  webhook.isDown = true
  const onFailure = { type: 'park', afterMs: 0, limit: 3 } as const
  counters.run([counters.cast.handler('mail', webhook.handles, { onFailure, maxBatch: 3 })], ['relay', 'consume'])
  await counters.grow(18, { keys })
  await waitsFor(counters, 'mail', 'TOO_MANY_PARKED')
  webhook.isDown = false
  await eventually(() => expect(webhook.got).toEqual(upTo(3)), 40_000)
  await eventually(async () => expect(await listParked(counters.sql, { schema })).toEqual([]))
})

test('a projection whose queue is full recovers by itself when the cause is gone, in order per key', async () => {
  await using counters = await openCounters({ partitions: 1 })
  let isDown = true
  const sales = counters.cast.projection(
    'sales',
    async (batch, trx) => {
      if (isDown) throw new Error('a column is missing')
      await counters.see(batch, trx)
    },
    { maxBatch: 3, onFailure: { type: 'park', afterMs: 0, limit: 3 } },
  )
  counters.run([sales], ['relay', 'consume'])
  await counters.grow(18, { keys })
  await waitsFor(counters, 'sales', 'TOO_MANY_PARKED')
  isDown = false
  await counters.allSeen()
  await eventually(async () => expect(await listParked(counters.sql, { schema })).toEqual([]))
}, 60_000)

test('an operator’s retry works also while the queue is full', async () => {
  await using counters = await openCounters({ partitions: 1 })
  const webhook = openWebhook()
  webhook.isDown = true
  const onFailure = { ...parkAtOnce, limit: 2 }
  counters.run([counters.cast.handler('mail', webhook.handles, { onFailure, maxBatch: 2 })], ['relay', 'consume'])
  await counters.grow(12, { keys })
  await waitsFor(counters, 'mail', 'TOO_MANY_PARKED')
  webhook.isDown = false
  await eventually(async () => {
    await retryParked(counters.sql, { schema, ids: 'all' })
    expect(webhook.got).toEqual(upTo(2))
  }, 40_000)
})

test('after its time a parked event waits for an operator, and until then only for its pause', async () => {
  await using counters = await openCounters({ partitions: 1 })
  const webhook = openWebhook()
  webhook.isDown = true
  const onFailure = { type: 'park', afterMs: 0 } as const
  counters.run([counters.cast.handler('mail', webhook.handles, { onFailure })], ['relay', 'consume'])
  await counters.grow(1, { keys: ['a'] })
  await eventually(async () => expect(await listParked(counters.sql, { schema })).toMatchObject([{ attempts: 1 }]))
  expect((await listParked(counters.sql, { schema }))[0]!.retryAt).toEqual(expect.any(String))
  await counters.sql.query(
    `update ${schema}.parked set failing_since = failing_since - interval '25 hours', retry_at = clock_timestamp()`,
  )
  await eventually(async () =>
    expect(await listParked(counters.sql, { schema })).toMatchObject([{ attempts: 2, retryAt: null }]),
  )
  webhook.isDown = false
  await counters.grow(2, { keys: ['a', 'b'] })
  await eventually(() => expect(webhook.got).toEqual({ b: [1] }))
  await retryParked(counters.sql, { schema, ids: 'all' })
  await eventually(() => expect(webhook.got).toEqual({ a: [1, 2], b: [1] }))
})

test('a table that others lock is waited for: nothing is parked, and everything is seen when it is free', async () => {
  await using counters = await openCounters({ partitions: 2 })
  await using limited = withSettings(counters.url, '-c lock_timeout=100ms -c statement_timeout=2s')
  const worker = counters.open(limited.db)
  const onFailure = { type: 'park', afterMs: 500 } as const
  counters.run([worker.projection('sales', counters.see, { onFailure })], ['consume'], worker)
  const locking = Promise.withResolvers<void>()
  const locked = Promise.withResolvers<void>()
  const lock = counters.db.transaction().execute(async (trx) => {
    await sqlOf(trx).query('lock table seen')
    locked.resolve()
    await locking.promise
  })
  await locked.promise
  counters.run([], ['relay'])
  await counters.grow(20)
  for (let times = 0; times < 4; times++) {
    await waitsFor(worker, 'sales', 'GROUP_WAITS_FOR_OUTAGE', 'lock timeout')
  }
  locking.resolve()
  await lock
  await counters.allSeen()
  expect(await listParked(counters.sql, { schema })).toEqual([])
})

test('an event whose own statement takes too long is parked, because those behind it work', async () => {
  await using counters = await openCounters({ partitions: 1 })
  await using limited = withSettings(counters.url, '-c statement_timeout=500ms')
  const worker = counters.open(limited.db)
  const sales = worker.projection(
    'sales',
    async (batch, trx) => {
      if (batch.some(({ data }) => 'isBad' in data && data.isBad)) await sqlOf(trx).query('select pg_sleep(60)')
      await counters.see(batch, trx)
    },
    { onFailure: { type: 'park', afterMs: 500 } },
  )
  counters.run([sales], ['consume'], worker)
  await counters.grow(4, { keys: ['a', 'b', 'c', 'd'], bad: [0] })
  counters.run([], ['relay'])
  await eventually(async () => expect(await counters.seen()).toEqual({ b: [1], c: [1], d: [1] }), 40_000)
  expect(await listParked(counters.sql, { schema })).toMatchObject([{ key: 'a' }])
}, 60_000)

test('a customer’s address that can not be reached is parked alone, because the others work', async () => {
  await using counters = await openCounters({ partitions: 1 })
  const got = new Set<string>()
  const hooks = counters.cast.handler(
    'hooks',
    {
      async 'count.grown'({ key }) {
        if (key === 'a') await fetch('http://127.0.0.1:59999/')
        got.add(key)
      },
    },
    { onFailure: { type: 'park', afterMs: 200 } },
  )
  await counters.grow(4)
  counters.run([hooks], ['relay', 'consume'])
  await eventually(async () => expect(await listParked(counters.sql, { schema })).toMatchObject([{ key: 'a' }]))
  expect([...got].sort()).toEqual(['b', 'c', 'd'])
})

test('while Postgres is read-only a handler retries the commit, not the call', async () => {
  await using on = await ownPostgres({ partitions: 1 })
  await using counters = await openCounters({ on })
  const calls: string[] = []
  const gate = Promise.withResolvers<void>()
  const mail = counters.cast.handler('mail', {
    async 'count.grown'({ key }) {
      calls.push(key)
      await gate.promise
    },
  })
  await counters.grow(4)
  const relay = counters.run([], ['relay'])
  counters.run([mail])
  await eventually(async () => {
    expect(calls).not.toEqual([])
    expect(await counters.sql.query(`select from ${schema}.page having sum(count) = 4`)).toHaveLength(1)
  })
  await relay.stop()
  const readOnly = async (is: 'on' | 'off') => {
    await counters.sql.query(`alter system set default_transaction_read_only = ${is}`)
    await counters.sql.query('select pg_reload_conf()')
  }
  await readOnly('on')
  // Each connection takes the setting over by itself: the worker's renewal has met it.
  await eventually(() => expect(counters.cast.health().groups.mail).toMatchObject({ ready: false }))
  gate.resolve()
  await waitsFor(counters, 'mail', 'GROUP_COMMIT_FAILS', 'read-only')
  await eventually(async () => {
    expect(await counters.sql.query(`select from ${schema}.active_members('mail')`)).toEqual([])
  })
  await readOnly('off')
  await eventually(async () =>
    expect(
      await counters.sql.query(`select from ${schema}.group_offset where group_name = 'mail' and "offset" = 4`),
    ).toHaveLength(1),
  )
  expect(calls.sort()).toEqual(['a', 'b', 'c', 'd'])
}, 60_000)

test('a call is told to end when its worker stops, and when its lease is lost; it is no failure', async () => {
  await using counters = await openCounters({ partitions: 1 })
  let calls = 0
  const mail = counters.cast.handler(
    'mail',
    {
      'count.grown': (_, { signal }) =>
        new Promise<void>((_, reject) => {
          calls++
          signal.addEventListener('abort', () => reject(signal.reason), { once: true })
        }),
    },
    { onFailure: parkAtOnce },
  )
  await counters.grow(1, { keys: ['a'] })
  const relay = counters.run([], ['relay'])
  const worker = counters.run([mail])
  await eventually(() => expect(calls).toBe(1))
  await counters.sql.query(
    `update ${schema}.lease set term = term + 1, owner = '', expires_at = '-infinity' where group_name = 'mail'`,
  )
  await eventually(() => expect(calls).toBe(2))
  await worker.stop()
  await relay.stop()
  expect(await listParked(counters.sql, { schema })).toEqual([])
})

test('an event is parked whatever is in its error and its headers: NUL, half a surrogate pair, megabytes', async () => {
  await using counters = await openCounters({ partitions: 1 })
  const sales = counters.cast.projection(
    'sales',
    async () => {
      throw new Error(`half \ud83d, NUL \0, ${'x'.repeat(1_000_000)}`)
    },
    { onFailure: parkAtOnce },
  )
  const mail = counters.cast.handler(
    'mail',
    {
      'count.grown'() {
        throw `half \ude00 of a pair and \0`
      },
    },
    { onFailure: parkAtOnce },
  )
  counters.run([sales, mail], ['relay', 'consume'])
  await counters.grow(1, { keys: ['a'] })
  await eventually(async () => expect(await listParked(counters.sql, { schema })).toHaveLength(2))
  const parked = await listParked(counters.sql, { schema })
  expect(parked.find(({ group }) => group === 'mail')!.reason).toBe('half \ufffd of a pair and ')
  expect(parked.find(({ group }) => group === 'sales')!.reason).toMatch(/^half \ufffd, NUL , x+$/)
  await retryParked(counters.sql, { schema, ids: 'all' })
  await eventually(async () =>
    expect((await listParked(counters.sql, { schema })).map(({ attempts }) => attempts)).toEqual([2, 2]),
  )
})

function withSettings(url: string, settings: string) {
  const address = new URL(url)
  address.searchParams.set('options', settings)
  return openDatabase(address.href)
}

/** Waits until a group's health names this code, and these words. */
async function waitsFor(worker: Counters | Counters['cast'], group: string, code: string, words = '') {
  const { health } = 'cast' in worker ? worker.cast : worker
  await eventually(() => {
    const part = health().groups[group] as { codes?: Record<number, string>; troubles?: Record<number, string> }
    expect(Object.values(part.codes ?? {})).toContain(code)
    expect(Object.values(part.troubles ?? {}).join()).toContain(words)
  })
}
