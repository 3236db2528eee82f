import { InvalidEvent, type KeyProvider, KeyUnavailable, SubjectErased } from 'commitcast'
import { expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { erased, followAll, openRunningShop, openShop } from './open-shop.ts'

const register = (customerId: string, name = 'Ada') =>
  ({ type: 'customer.registered', key: customerId, data: { customerId, name } }) as const

const keysSql = `select subject, wrapped is not null as "hasKey" from commitcast.subject_key order by subject`

/** Whether a statement waits for another transaction. */
const waitingSql = 'select from pg_locks where not granted and pg_backend_pid() = any (pg_blocking_pids(pid))'

test('a subject gets one key, in the transaction of its first event', async () => {
  await using shop = await openShop()
  await shop.append([register('c1'), register('c2'), register('c1')])
  await shop.append(register('c1'))
  const failing = shop.db.transaction().execute(async (trx) => {
    await shop.cast.append(trx, register('c3'))
    throw new Error('taken back')
  })
  await expect(failing).rejects.toThrow('taken back')
  expect(await shop.sql.query(keysSql)).toEqual([
    { subject: 'c1', hasKey: true },
    { subject: 'c2', hasKey: true },
  ])
})

test('a second writer of a new subject waits for the first, and takes its key', async () => {
  await using shop = await openRunningShop()
  const first = await shop.pool.connect()
  await first.query('begin')
  await shop.cast.append(first, register('c1', 'Ada'))
  const second = shop.append(register('c1', 'Countess'))
  await eventually(async () => expect((await first.query(waitingSql)).rows).toHaveLength(1))
  await first.query('commit')
  first.release()
  await second
  await using screen = followAll(shop.live)
  await eventually(() => expect(screen.data).toHaveLength(2))
  expect(screen.data.map((data) => (data as { name: string }).name).sort()).toEqual(['Ada', 'Countess'])
})

test('a second writer makes the key where the first one rolls back', async () => {
  await using shop = await openRunningShop()
  const first = await shop.pool.connect()
  await first.query('begin')
  await shop.cast.append(first, register('c1', 'Ada'))
  const second = shop.append(register('c1', 'Countess'))
  await eventually(async () => expect((await first.query(waitingSql)).rows).toHaveLength(1))
  await first.query('rollback')
  first.release()
  await second
  await using screen = followAll(shop.live)
  await eventually(() => expect(screen.data).toEqual([{ customerId: 'c1', name: 'Countess' }]))
})

test('an event of an erased subject is refused, and the transaction can continue', async () => {
  await using shop = await openShop()
  await shop.append(register('c1'))
  await shop.cast.erase('c1')
  await shop.cast.erase('c9')
  await shop.db.transaction().execute(async (trx) => {
    for (const subject of ['c1', 'c9']) {
      await expect(shop.cast.append(trx, register(subject))).rejects.toThrow(SubjectErased)
    }
    await shop.cast.append(trx, register('c2'))
  })
  expect(await shop.sql.query('select key from commitcast.outbox order by position')).toEqual([
    { key: 'c1' },
    { key: 'c2' },
  ])
})

test('an erasure is part of the transaction, and its event is appended once', async () => {
  await using shop = await openShop()
  await shop.append(register('c1'))
  const event = { type: 'order.placed', key: 'c1', data: { orderId: 'gone' } } as const
  const taken = shop.db.transaction().execute(async (trx) => {
    await shop.cast.erase('c1', { trx, event })
    throw new Error('taken back')
  })
  await expect(taken).rejects.toThrow('taken back')
  expect(await shop.sql.query(keysSql)).toEqual([{ subject: 'c1', hasKey: true }])
  for (let times = 0; times < 2; times++) await shop.cast.erase('c1', { event })
  expect(await shop.sql.query(keysSql)).toEqual([{ subject: 'c1', hasKey: false }])
  expect(await shop.sql.query(`select from commitcast.outbox where type = 'order.placed'`)).toHaveLength(1)
})

test('appendSql refuses an event with personal fields, and takes others', async () => {
  await using shop = await openShop()
  await expect(shop.cast.appendSql(register('c1'))).rejects.toThrow(InvalidEvent)
  await expect(shop.cast.appendSql(register('c1'))).rejects.toThrow('append it with append(trx, …), not with appendSql')
  await shop.cast.appendSql({ type: 'order.placed', key: 'o1', data: { orderId: 'o1' } })
})

test('a key provider wraps what the table holds; while it is away an append fails and readers wait', async () => {
  let isAway = false
  const flip = async (bytes: Uint8Array, subject: string) => {
    if (isAway) throw new Error('no key management today')
    return bytes.map((byte) => byte ^ 0xa5 ^ subject.length)
  }
  const keys: KeyProvider = { wrap: flip, unwrap: flip }
  await using shop = await openRunningShop({ keys })
  await shop.append(register('c1', 'Ada'))
  await eventually(() => expect(shop.read.projection).toEqual([{ customerId: 'c1', name: 'Ada' }]))
  isAway = true
  await expect(shop.append(register('c2'))).rejects.toThrow(KeyUnavailable)
  const order = { type: 'order.placed', key: 'o1', data: { orderId: 'o1' } } as const
  await shop.append(order)
  await eventually(() => expect(shop.read.projection).toHaveLength(2))
  isAway = false
  await shop.append(register('c2', 'Grace'))
  await eventually(() => expect(shop.read.projection).toContainEqual({ customerId: 'c2', name: 'Grace' }))
})

test('a ciphertext that was moved to another event is unreadable, and nothing halts', async () => {
  await using shop = await openRunningShop()
  await shop.append(register('c1', 'Ada'))
  const copied = `insert into commitcast.outbox (id, type, key, data, headers)
    select gen_random_uuid(), type, key, data, headers from commitcast.outbox`
  await shop.sql.query(copied)
  await shop.append(register('c1', 'Countess'))
  await using screen = followAll(shop.live)
  await eventually(() => expect(screen.data).toHaveLength(2))
  expect(screen.data).not.toContainEqual({ customerId: 'c1', name: erased })
})
