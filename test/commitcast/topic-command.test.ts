import { natsBroker } from '@commitcast/broker/nats'
import { postgresBroker } from '@commitcast/broker/postgres'
import { assignOffsets, newEpoch } from '@commitcast/outbox'
import { createDatabase } from '@commitcast/servers'
import { createLeases } from '@commitcast/worker'
import { describe, expect, inject, test } from 'vitest'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { readLog } from '../fixtures/read-log.ts'
import { runCommitcast } from './run-commitcast.ts'

const partitions = 2

type Database = Awaited<ReturnType<typeof freshDatabase>>

describe('commitcast topic new-epoch', () => {
  test('ends the present epoch; a second call for the same one says that it has ended', async () => {
    await using database = await freshDatabase({ partitions })
    expect(await topic(database.url, 'new-epoch', '--from', '1')).toEqual({
      code: 0,
      stdout: 'Epoch 1 has ended, epoch 2 has begun.\n',
      stderr: '',
    })
    expect(await topic(database.url, 'new-epoch', '--from', '1')).toEqual({
      code: 0,
      stdout: 'Epoch 1 had ended before: the topic is in epoch 2. Nothing was changed.\n',
      stderr: '',
    })
    expect(await json(database.url, 'new-epoch', '--from', '1')).toEqual({ epoch: 2, isNew: false, moved: 0 })
    expect(await json(database.url, 'new-epoch')).toEqual({ epoch: 3, isNew: true, moved: 0 })
  })

  test('of two at the same time one makes it', async () => {
    await using database = await freshDatabase({ partitions })
    const answers = await Promise.all([1, 2, 3].map(() => json(database.url, 'new-epoch', '--from', '1')))
    expect(answers.filter((answer) => answer.isNew)).toHaveLength(1)
    expect(answers.map((answer) => answer.epoch)).toEqual([2, 2, 2])
  })

  test('says who holds it up, and changes nothing', async () => {
    await using database = await freshDatabase({ partitions })
    const reader = await database.pool.connect()
    await reader.query('begin')
    await reader.query('select count(*) from commitcast.outbox')
    const client = await database.pool.connect()
    await client.query('begin')
    await client.query(`select commitcast.append('thing.done', 'k', '1')`)
    const { rows } = await client.query('select pg_backend_pid() as pid')
    const { code, stderr } = await topic(database.url, 'new-epoch')
    expect(code).toBe(1)
    expect(stderr).toMatch(
      new RegExp(`^Writers can't be locked out: held up by the transaction of process ${rows[0].pid}, open since`),
    )
    await client.query('commit')
    client.release()
    // A reader is in nobody's way.
    expect(await json(database.url, 'new-epoch')).toMatchObject({ epoch: 2, isNew: true })
    await reader.query('commit')
    reader.release()
  })

  test.each([
    ['an epoch to come', ['--from', '2'], 2, /^--from 2: the topic is in epoch 1\. Nothing was changed\.$/m],
    ['no epoch', ['--from', '0'], 2, /Epochs are counted from 1/],
    ['no position', ['--restored-up-to', 'x'], 2, /It has to be a whole number/],
  ])('refuses %s', async (_, args, code, words) => {
    await using database = await freshDatabase({ partitions })
    const ended = await topic(database.url, 'new-epoch', ...args)
    expect(ended).toMatchObject({ code, stdout: '' })
    expect(ended.stderr).toMatch(words)
  })

  test('says what is missing where there are no tables', async () => {
    await using database = await createDatabase(inject('postgresUrl'))
    const ended = await topic(database.url, 'new-epoch')
    expect(ended).toMatchObject({ code: 1, stderr: expect.stringMatching(/^There are no tables .*commitcast migrate/) })
  })
})

describe('commitcast topic skip', () => {
  test('notes the event; one that the outbox does not have, and what is no id, are refused', async () => {
    await using database = await freshDatabase({ partitions })
    const [made] = await database.sql.query<{ id: string }>(`select commitcast.append('thing.done', 'k', '1') as id`)
    const { id } = made!
    expect(await topic(database.url, 'skip', id.toUpperCase())).toEqual({
      code: 0,
      stdout: `Readers skip event ${id} ("thing.done" of "k"): groups pass over it, live followers get "unreadable".\n`,
      stderr: '',
    })
    expect(await json(database.url, 'skip', id)).toEqual({ id, type: 'thing.done', key: 'k' })
    const other = '00000000-0000-0000-0000-000000000000'
    expect(await topic(database.url, 'skip', other)).toEqual({
      code: 1,
      stdout: '',
      stderr: `The outbox has no event ${other}. Nothing was changed.\n`,
    })
    expect(await topic(database.url, 'skip', '7')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('It has to be a UUID.'),
    })
  })
})

describe.each(['postgres', ...(inject('natsUrl') ? ['nats'] : [])])('commitcast topic refill on %s', (kind) => {
  const open = (database: Database) =>
    kind === 'nats' ? natsBroker({ servers: inject('natsUrl') }) : postgresBroker({ connectionString: database.url })
  const named = () => `refill${process.pid}${kind}${Date.now() % 1_000_000}`
  const refill = (database: Database, app: string, ...args: string[]) =>
    json(database.url, 'refill', '--app', app, ...(kind === 'nats' ? ['--nats', inject('natsUrl')] : []), ...args)

  test('brings an epoch that has ended to its end on the broker, once', async () => {
    await using database = await freshDatabase({ partitions })
    const app = named()
    const broker = open(database)
    const messages = await give(database, 30)
    await newEpoch(database.sql, { from: 1 })
    const events = await broker.topic({ name: `${app}-events`, epoch: 1, partitions })
    await events.append(0, 0, messages[0]!.slice(0, 3))
    const [zero, one] = messages.map((own) => own.length)

    expect(await refill(database, app, '--epoch', '1', '--partition', '0')).toMatchObject({
      partitions: [{ partition: 0, given: zero, appended: zero! - 3 }],
      troubles: [],
    })
    expect(await refill(database, app, '--epoch', '1')).toMatchObject({
      topic: { name: `${app}-events`, epoch: 1, partitions },
      partitions: [
        { partition: 0, given: zero, appended: 0 },
        { partition: 1, given: one, appended: one },
      ],
    })
    for (const [partition, own] of messages.entries()) expect(await readLog(events, partition)).toEqual(own)
    await broker.close()
  })

  test('says where the broker holds something else, and refills the other partitions', async () => {
    await using database = await freshDatabase({ partitions })
    const app = named()
    const broker = open(database)
    const messages = await give(database, 30)
    const events = await broker.topic({ name: `${app}-events`, epoch: 1, partitions })
    await events.append(0, 0, [{ ...messages[0]![0]!, id: crypto.randomUUID() }])
    const args = ['refill', '--app', app, ...(kind === 'nats' ? ['--nats', inject('natsUrl')] : [])]
    const { code, stdout, stderr } = await topic(database.url, ...args)
    expect(code).toBe(1)
    expect(stdout).toBe(`Partition 1: ${messages[1]!.length} messages appended, up to offset ${messages[1]!.length}.\n`)
    expect(stderr).toMatch(/^Partition 0: Offset 1 of .* holds event .*"commitcast topic new-epoch --from 1"/)
    await broker.close()
  })

  test('makes nothing on the broker for an app that is not there', async () => {
    await using database = await freshDatabase({ partitions })
    const args = ['refill', '--app', named(), ...(kind === 'nats' ? ['--nats', inject('natsUrl')] : [])]
    expect(await topic(database.url, ...args)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^Nothing of \S+-events, epoch 1, is on the broker\. Is --app right\?/),
    })
  })
})

/** Commits events and gives them offsets, as a relay does before it publishes; by partition. */
async function give({ sql }: Database, count: number) {
  for (let n = 0; n < count; n++)
    await sql.query(`select commitcast.append('thing.done', $1, $2)`, [`k${n % 7}`, { n }])
  const leases = await createLeases({ sql, schema: 'commitcast', group: 'relay' }).renew()
  const pages = await assignOffsets(sql, { schema: 'commitcast', leases, maxPage: 1_000 })
  return [0, 1].map((partition) => pages.find((page) => page.partition === partition)!.messages)
}

async function json(url: string, ...args: string[]) {
  const { code, stdout, stderr } = await topic(url, ...args, '--json')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return JSON.parse(stdout)
}

function topic(url: string, ...args: string[]) {
  return runCommitcast(['topic', ...args], { DATABASE_URL: url })
}
