import { memoryBroker } from '@commitcast/broker/memory'
import { createDatabase } from '@commitcast/servers'
import { describe, expect, inject, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { append, type Database, freshApp, limit, parked, startRelay } from '../outbox/parked-events.ts'
import { runCommitcast } from './run-commitcast.ts'

describe('commitcast parked list', () => {
  test('says that nothing is parked', async () => {
    await using database = await freshDatabase()
    expect(await parkedCommand(database, 'list')).toEqual({ code: 0, stdout: 'Nothing is parked.\n', stderr: '' })
    expect(await json(database, 'list')).toEqual({ parked: [], hasMore: false })
  })

  test('shows what is parked, why, and where its placeholder stands; status counts it', async () => {
    await using database = await withParked(4)
    const events = await parked(database)
    const { code, stdout, stderr } = await parkedCommand(database, 'list')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const [head, first] = stdout.split('\n')
    expect(head).toMatch(/^id +group +parked at +partition\/offset +type +key +tries +next try +reason$/)
    expect(first).toMatch(
      /^1 +relay +20\S+Z +0\/1 +thing\.made +k\?\[31m1 +1 +when you retry it +Event \S+ takes 1\d+ bytes on the wire; .* 4096/,
    )
    expect(await json(database, 'list')).toEqual({ parked: events, hasMore: false })
    expect(await json(database, 'list', '--limit', '3')).toEqual({ parked: events.slice(0, 3), hasMore: true })
    expect((await parkedCommand(database, 'list', '--limit', '3')).stdout).toMatch(
      /\nThere are more: add --after 3\.\n$/,
    )
    expect(await json(database, 'list', '--after', '3')).toEqual({ parked: events.slice(3), hasMore: false })

    const status = await commitcast(['status', '--app', 'none'], database.url)
    expect(status.stdout).toMatch(/^parked events: 4, see "commitcast parked list"$/m)
    expect(JSON.parse((await commitcast(['status', '--app', 'none', '--json'], database.url)).stdout)).toMatchObject({
      parked: 4,
    })
  })
})

describe('commitcast parked show', () => {
  test('shows one event in full, with what was done to it', async () => {
    await using database = await withParked(1)
    const { code, stdout, stderr } = await parkedCommand(database, 'show', '1')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^event +[0-9a-f-]{36} {2}thing\.made$/m)
    expect(stdout).toMatch(/^place +partition 0, offset 1, epoch 1$/m)
    expect(stdout).toMatch(/^data +\{"n" : 1, "pad" : "xxx/m)
    expect(stdout).toMatch(/^20\S+Z +parked +by \S+ +Event/m)
    const shown = (await json(database, 'show', '1')) as { data: { n: number }; history: { action: string }[] }
    expect(shown.data.n).toBe(1)
    expect(shown.history.map(({ action }) => action)).toEqual(['parked'])
  })

  test('says that nothing is parked under an id', async () => {
    await using database = await freshDatabase()
    expect(await parkedCommand(database, 'show', '7')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Nothing is parked under 7.'),
    })
  })
})

describe.each([
  ['retry', 'retried'],
  ['drop', 'dropped'],
] as const)('commitcast parked %s', (verb, word) => {
  test('by id and with --all: says what it did, and to which', async () => {
    await using database = await withParked(4)
    const { code, stdout, stderr } = await parkedCommand(database, verb, '3', '1', '3')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(new RegExp(`^2 events ${word}: 1, 3\\. `))
    expect((await parked(database)).map((event) => event.id)).toEqual(['2', '4'])
    expect(await json(database, verb, '--all')).toEqual({ [word]: ['2', '4'], unknown: [] })
    expect(await parkedCommand(database, verb, '--all')).toEqual({
      code: 0,
      stdout: 'Nothing is parked.\n',
      stderr: '',
    })
    expect(await appended(database)).toEqual(verb === 'retry' ? [1, 2, 3, 4, 1, 3, 2, 4] : [1, 2, 3, 4])
  })

  test('an unknown id is told and ends it with 1; the known ones are done', async () => {
    await using database = await withParked(2)
    const { code, stdout, stderr } = await parkedCommand(database, verb, '2', '77')
    expect(code).toBe(1)
    expect(stdout).toMatch(new RegExp(`^1 event ${word}: 2\\. `))
    expect(stderr).toMatch(
      new RegExp(`^Not ${word}, because nothing is parked under 77, .*"commitcast parked list"\\.\\n$`),
    )
    const again = await parkedCommand(database, verb, '2', '--json')
    expect({ ...again, stdout: JSON.parse(again.stdout) }).toMatchObject({
      code: 1,
      stdout: { [word]: [], unknown: ['2'] },
    })
  })

  test.each([
    ['nothing', [], /^Give either the ids of parked events or --all\./],
    ['both', ['1', '--all'], /^Give either/],
    ['a word', ['first'], /'first' is invalid.*It has to be an id/],
    ['too long a number', ['9'.repeat(30)], /is invalid/],
  ])('given %s, it does nothing and ends with 2', async (_, args, hint) => {
    await using database = await freshDatabase()
    const { code, stdout, stderr } = await parkedCommand(database, verb, ...args)
    expect({ code, stdout, stderr }).toEqual({ code: 2, stdout: '', stderr: expect.stringMatching(hint) })
  })
})

test('where there are no tables it says so', async () => {
  await using database = await createDatabase(inject('postgresUrl'))
  for (const verb of [['list'], ['retry', '1'], ['drop', '--all']]) {
    const { code, stderr } = await commitcast(['parked', ...verb], database.url)
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^There is no table "parked" .*migrate"/),
    })
  }
})

/** A database where a relay has parked that many events, the first that were written. */
async function withParked(count: number): Promise<Database> {
  const database = await freshDatabase({ partitions: 1 })
  const broker = memoryBroker(new Map(), { maxMessageBytes: limit })
  const { stop } = startRelay(database, { broker, app: freshApp() })
  await append(database, count, [1, 2, 3, 4], `'k' || chr(27) || '[31m' || n`)
  await eventually(async () => expect(await parked(database)).toHaveLength(count))
  await stop()
  return database
}

async function appended({ sql }: Database): Promise<number[]> {
  const rows = await sql.query<{ n: number }>(
    `select (data ->> 'n')::int as n from commitcast.outbox order by position`,
  )
  return rows.map((row) => row.n)
}

async function json(database: Database, ...args: string[]): Promise<unknown> {
  const { code, stdout, stderr } = await parkedCommand(database, ...args, '--json')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return JSON.parse(stdout)
}

function parkedCommand(database: Database, ...args: string[]) {
  return commitcast(['parked', ...args], database.url)
}

function commitcast(args: readonly string[], databaseUrl: string) {
  return runCommitcast(args, { DATABASE_URL: databaseUrl })
}
