import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { askPostgres } from './ask-postgres.ts'
import { createDatabase } from './create-database.ts'
import type { Server } from './server.ts'
import { startPostgres } from './start-postgres.ts'

let postgres: Server
beforeAll(async () => {
  postgres = await startPostgres({ settings: { application_name: "it's ours" } })
})
afterAll(() => postgres?.stop())

const ask = (statement: string) => askPostgres(postgres.url, statement, 60_000)
const show = async (setting: string) => (await ask(`select current_setting('${setting}') as value`))[0]?.value

test('Postgres keeps its promises on disk and is ready for replication and two-phase commit', async () => {
  expect(await show('fsync')).toBe('on')
  expect(await show('wal_level')).toBe('logical')
  expect(await show('max_prepared_transactions')).toBe('20')
  expect(await show('server_encoding')).toBe('UTF8')
})

test('a setting of the caller holds', async () => {
  expect(await show('application_name')).toBe("it's ours")
})

test('Postgres restarts on the same port with its data after kill -9', async () => {
  await ask('create table if not exists kept (word text); insert into kept values ($$killed$$)')
  await postgres.kill()
  await expect(ask('select 1')).rejects.toThrow()
  await postgres.restart()
  expect(await ask(`select word from kept where word = 'killed'`)).toEqual([{ word: 'killed' }])
})

test('Postgres restarts on the same port with its data after an orderly halt', async () => {
  await ask('create table if not exists kept (word text); insert into kept values ($$halted$$)')
  await postgres.halt()
  await expect(ask('select 1')).rejects.toThrow()
  await postgres.restart()
  expect(await ask(`select word from kept where word = 'halted'`)).toEqual([{ word: 'halted' }])
})

test('a paused Postgres does not answer until it is resumed', async () => {
  await postgres.pause()
  await expect(askPostgres(postgres.url, 'select 1', 300)).rejects.toThrow()
  await postgres.resume()
  expect(await ask('select 1 as one')).toEqual([{ one: 1 }])
})

test('a paused Postgres can be killed and started again', async () => {
  await postgres.pause()
  await postgres.kill()
  await postgres.restart()
  expect(await ask('select 1 as one')).toEqual([{ one: 1 }])
})

test('each database is a new one, is empty and can be dropped while in use', async () => {
  const [one, other] = await Promise.all([createDatabase(postgres, 'orders'), createDatabase(postgres.url, 'orders')])
  expect(one.url).not.toBe(other.url)
  expect(new URL(one.url).pathname).toMatch(/^\/orders_[0-9a-f]{8}$/)
  await askPostgres(one.url, 'create table mine (id int)')
  const busy = askPostgres(one.url, 'select pg_sleep(30)', 40_000).catch((error: Error) => error.message)
  await vi.waitUntil(
    async () => (await ask(`select from pg_stat_activity where query like '%pg_sleep(30)'`)).length > 0,
    { timeout: 20_000 },
  )
  await one.drop()
  expect(await busy).toMatch(/terminat/)
  await other.drop()
  expect(await ask(`select datname from pg_database where datname like 'orders%'`)).toEqual([])
})

test('a server that does not come up shows the last lines of its log', async () => {
  await expect(startPostgres({ settings: { work_mem: 'plenty' } })).rejects.toThrow(/\| .*"work_mem": "plenty"/)
})
