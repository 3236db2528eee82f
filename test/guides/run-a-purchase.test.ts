import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'

let database: Awaited<ReturnType<typeof freshDatabase>>
let guide: typeof import('../snippets/purchase.ts')
const stopping = new AbortController()
let running: Promise<void>
beforeAll(async () => {
  database = await freshDatabase()
  await database.pool.query(`
    create table stock ("bookId" text primary key, count int not null);
    create table reservation ("purchaseId" text primary key, "bookId" text not null);
    create table wallet ("customerId" text primary key, balance int not null);
    create table payment ("purchaseId" text primary key, "customerId" text not null, amount int not null);
    insert into stock values ('emma', 1), ('persuasion', 5);
    insert into wallet values ('ada', 20), ('bob', 5)`)
  vi.stubEnv('DATABASE_URL', database.url)
  guide = await import('../snippets/purchase.ts')
  running = guide.startWorkers(stopping.signal)
})
afterAll(async () => {
  stopping.abort()
  await running
  await guide.cast.close()
  await database[Symbol.asyncDispose]()
  vi.unstubAllEnvs()
})

async function ends(id: string): Promise<unknown> {
  const state = async () => {
    const [row] = await database.sql.query<{ state: { status: string } }>(
      'select state::jsonb as state from commitcast.process_instance where instance = $1 and finished_at is not null',
      [id],
    )
    return row?.state
  }
  await eventually(async () => expect(await state()).toBeDefined())
  return state()
}

test("the guide's purchases complete, or fail and take back what they did", async () => {
  await guide.requestPurchase('p1', { customerId: 'ada', bookId: 'emma', price: 12 })
  expect(await ends('p1')).toEqual({ status: 'completed' })
  await guide.requestPurchase('p2', { customerId: 'ada', bookId: 'emma', price: 1 })
  expect(await ends('p2')).toEqual({ status: 'failed', reason: 'out of stock' })
  await guide.requestPurchase('p3', { customerId: 'bob', bookId: 'persuasion', price: 9 })
  expect(await ends('p3')).toEqual({ status: 'failed', reason: 'too little money' })
  const left = () =>
    database.sql.query<{ stock: number; money: number; reserved: number }>(
      `select (select sum(count)::int from stock) as stock, (select sum(balance)::int from wallet) as money,
         (select count(*)::int from reservation) as reserved`,
    )
  await eventually(async () => expect(await left()).toEqual([{ stock: 5, money: 13, reserved: 1 }]))
})
