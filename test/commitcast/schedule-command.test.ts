import { expect, test } from 'vitest'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { runCommitcast } from './run-commitcast.ts'

type Database = Awaited<ReturnType<typeof freshDatabase>>

test('commitcast schedule list shows what waits, the next first, and why the outbox refused one', async () => {
  await using database = await freshDatabase()
  expect(await command(database, 'list')).toEqual({ code: 0, stdout: 'Nothing is scheduled.\n', stderr: '' })
  await scheduleSome(database)
  const { stdout } = await command(database, 'list')
  expect(stdout.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
    ['due', 'owner', 'name', 'type', 'key', 'refused'],
    ['2090-01-01T00:00:00Z', 'process/buy/1', 'reserve', 'a.b', 'k?'],
    ['2091-01-01T00:00:00Z', 'remind/1', 'a.b', 'k?', 'too large'],
    ['2092-01-01T00:00:00Z', 'remind/2', 'a.b', 'k?'],
    [''],
  ])
  expect(await json(database, 'list', '--owner', '')).toMatchObject({
    scheduled: [
      { owner: '', name: 'remind/1', at: '2091-01-01T00:00:00.000000Z', type: 'a.b', refused: 'too large' },
      { owner: '', name: 'remind/2', refused: null },
    ],
    hasMore: false,
  })
  expect(await json(database, 'list', '--refused')).toMatchObject({ scheduled: [{ name: 'remind/1' }] })
  expect(await json(database, 'list', '--limit', '1')).toMatchObject({
    scheduled: [{ name: 'reserve' }],
    hasMore: true,
  })
  expect((await command(database, 'list', '--limit', '1')).stdout).toMatch(/\nThere are more: raise --limit/)
})

test('commitcast schedule cancel removes one of a name and an owner, and says where there is none', async () => {
  await using database = await freshDatabase()
  await scheduleSome(database)
  expect(await command(database, 'cancel', 'remind/2')).toEqual({
    code: 0,
    stdout: '"remind/2" is cancelled.\n',
    stderr: '',
  })
  expect(await command(database, 'cancel', 'reserve')).toEqual({
    code: 1,
    stdout: '',
    stderr: expect.stringContaining('No event is scheduled under the name "reserve". See "commitcast schedule list".'),
  })
  expect(await json(database, 'cancel', 'reserve', '--owner', 'process/buy/1')).toEqual({
    cancelled: { owner: 'process/buy/1', name: 'reserve' },
  })
  expect(await json(database, 'list')).toMatchObject({ scheduled: [{ name: 'remind/1' }] })
})

test('commitcast schedule retry has one tried again that the outbox refused', async () => {
  await using database = await freshDatabase()
  await scheduleSome(database)
  expect(await command(database, 'retry', 'remind/1')).toMatchObject({ code: 0, stdout: '"remind/1" is retried.\n' })
  expect(await json(database, 'list', '--refused')).toEqual({ scheduled: [], hasMore: false })
  expect(await command(database, 'retry', 'remind/1')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('The outbox has refused no scheduled event under the name "remind/1"'),
  })
})

async function scheduleSome({ sql }: Database): Promise<void> {
  await sql.query(`select commitcast.schedule('remind/2', '2092-01-01Z', 'a.b', E'k\\t', '1'),
    commitcast.schedule('remind/1', '2091-01-01Z', 'a.b', E'k\\t', '1'),
    commitcast.schedule('reserve', '2090-01-01Z', 'a.b', E'k\\t', '1', owner => 'process/buy/1')`)
  await sql.query(`update commitcast.scheduled_event set refused = 'too large' where name = 'remind/1'`)
}

function command({ url }: Database, ...args: readonly string[]) {
  return runCommitcast(['schedule', ...args], { DATABASE_URL: url })
}

async function json(database: Database, ...args: readonly string[]): Promise<unknown> {
  return JSON.parse((await command(database, ...args, '--json')).stdout)
}
