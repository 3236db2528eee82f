import { migrate } from '@commitcast/outbox'
import { createDatabase, startPostgres } from '@commitcast/servers'
import pg from 'pg'
import { expect, test } from 'vitest'
import { purchaseTables } from '../purchases/purchase-story.ts'
import { checkPurchases } from './check-purchases.ts'

const [requested, taken, paid, ended] = ['1', '2', '3', '4'].map((n) => `00000000-0000-7000-8000-00000000000${n}`)
const nothing = { lost: 0, twice: 0, stuck: 0, firedAfterCancel: 0, conserved: true }

/** A database with one purchase, which has completed as it should. */
async function openCompleted() {
  await using stack = new AsyncDisposableStack()
  const server = stack.use(await startPostgres())
  const { url } = await createDatabase(server, 'checked')
  const database = stack.adopt(new pg.Pool({ connectionString: url, max: 1 }), (pool) => pool.end())
  await migrate({ query: (text) => database.query(text).then(() => []) }, { partitions: 1 })
  const run = (text: string) => database.query(text)
  await run(`create schema torture; ${purchaseTables}`)
  await run(`insert into torture.requested values ('p-1')`)
  await run(`select commitcast.append_all('${JSON.stringify(events)}')`)
  await run(`insert into commitcast.process_history (process, instance, incarnation, input, event_id, outcome, from_status, to_status) values
    ('purchases', 'p-1', 1, 'purchase.requested', '${requested}', 'started', null, 'reserving'),
    ('purchases', 'p-1', 1, 'stock.taken', '${taken}', 'taken', 'reserving', 'paying'),
    ('purchases', 'p-1', 1, 'wallet.taken', '${paid}', 'taken', 'paying', 'completed')`)
  await run(`insert into commitcast.process_instance (process, instance, incarnation, status, state, version, timeouts, taken, ignored, finished_at)
    values ('purchases', 'p-1', 1, 'completed', '{}', 1, '{}', 3, 0, now())`)
  await run(move('stock', -2))
  await run(move('wallet', -5))
  const own = stack.move()
  return { check: () => checkPurchases(database), run, [Symbol.asyncDispose]: () => own.disposeAsync() }
}

const about = { purchase: 'p-1', attempt: requested }
const events = [
  { id: requested, type: 'purchase.requested', key: 'p-1', data: {} },
  { id: taken, type: 'stock.taken', key: 'p-1', data: about },
  { id: paid, type: 'wallet.taken', key: 'p-1', data: about },
  { id: ended, type: 'purchase.ended', key: 'p-1', data: { ...about, how: 'completed' } },
]

function move(service: string, amount: number): string {
  return `with moved as (
      insert into torture.movement (service, account, purchase, attempt, amount, cause)
      values ('${service}', '${service}-9', 'p-1', '${requested}', ${amount}, gen_random_uuid()))
    update torture.account set available = available + ${amount} where name = '${service}-9'`
}

test('the checker finds no fault with a purchase that completed, and counts it', async () => {
  await using shop = await openCompleted()
  expect(await shop.check()).toMatchObject({ ...nothing, begun: 1, completed: 1, examples: [] })
})

test('the checker sees what is lost, done twice, stuck, or not conserved', async () => {
  await using shop = await openCompleted()
  const after = async (text: string) => {
    await shop.run('begin')
    await shop.run(text)
    const found = await shop.check()
    await shop.run('rollback')
    return found
  }
  const again = `insert into commitcast.process_history (process, instance, incarnation, input, event_id, outcome)
    select process, instance, incarnation, input, event_id, outcome from commitcast.process_history`
  const instance = 'commitcast.process_instance'
  const unguarded = 'set local session_replication_role = replica'
  expect(await after(`delete from commitcast.process_history where event_id = '${taken}'`)).toMatchObject({ lost: 1 })
  expect(await after(`delete from ${instance}`)).toMatchObject({ lost: 1 })
  expect(await after(`${unguarded}; delete from commitcast.outbox where id = '${ended}'`)).toMatchObject({
    lost: 1,
    conserved: false,
  })
  expect(await after(`${again} where event_id = '${taken}'`)).toMatchObject({ ...nothing, twice: 1 })
  expect(await after(`${again} where event_id = '${requested}'`)).toMatchObject({ ...nothing, twice: 2 })
  expect(await after(move('wallet', -5))).toMatchObject({ twice: 1, conserved: false })
  expect(await after(move('wallet', 5))).toMatchObject({ ...nothing, conserved: false })
  expect(await after(`update ${instance} set finished_at = null`)).toMatchObject({ ...nothing, stuck: 1 })
  expect(await after('update torture.account set available = available - 1')).toMatchObject({ conserved: false })
  expect(await shop.check()).toMatchObject(nothing)
})
