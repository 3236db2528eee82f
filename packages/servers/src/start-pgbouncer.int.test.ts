import { afterAll, expect, test } from 'vitest'
import { askPostgres } from './ask-postgres.ts'
import { createDatabase } from './create-database.ts'
import { startPgbouncer } from './start-pgbouncer.ts'
import { startPostgres } from './start-postgres.ts'
import { unlessLeftOut } from './unless-left-out.ts'

const postgres = await startPostgres()
afterAll(() => postgres.stop())
const pooler = await unlessLeftOut('THE TESTS BEHIND A POOLER', startPgbouncer(postgres))
afterAll(() => pooler?.stop())

test.skipIf(!pooler)('each transaction behind the pooler may run on another connection', async () => {
  const ask = (statement: string) => askPostgres(pooler!.url, statement)
  expect(await ask('select 1 as one')).toEqual([{ one: 1 }])
  const console = new URL(pooler!.url)
  console.pathname = '/pgbouncer'
  const config = await askPostgres(console.href, 'show config')
  expect(config.find(({ key }) => key === 'pool_mode')?.value).toBe('transaction')
})

test.skipIf(!pooler)('another path leads to another database of the same server', async () => {
  await using database = await createDatabase(postgres)
  const url = new URL(pooler!.url)
  url.pathname = new URL(database.url).pathname
  const [row] = await askPostgres(url.href, 'select current_database() as name')
  expect(`/${row?.name}`).toBe(url.pathname)
})

test.skipIf(!pooler)('the pooler restarts on the same port after kill -9 and after an orderly halt', async () => {
  for (const end of [pooler!.kill, pooler!.halt]) {
    await end()
    await expect(askPostgres(pooler!.url, 'select 1')).rejects.toThrow()
    await pooler!.restart()
    expect(await askPostgres(pooler!.url, 'select 1 as one')).toEqual([{ one: 1 }])
  }
})
