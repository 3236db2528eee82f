import { listParked } from '@commitcast/outbox'
import { readGroups } from '@commitcast/stream'
import { describe, expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { openCounters, parkAtOnce } from '../stream/open-counters.ts'
import { runCommitcast } from './run-commitcast.ts'

const schema = 'commitcast'

describe('commitcast group list', () => {
  test('says that no group has begun', async () => {
    await using database = await freshDatabase()
    expect(await commitcast(database, 'group', 'list')).toEqual({
      code: 0,
      stdout: 'No group has begun yet.\n',
      stderr: '',
    })
  })

  test('shows how far each group is; status sums it up', async () => {
    await using counters = await withTwoGroups()
    const { code, stdout, stderr } = await commitcast(counters, 'group', 'list')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const lines = stdout.split('\n')
    expect(lines[0]).toMatch(/^group +partition +done +lag +oldest +parked +worker$/)
    expect(lines[1]).toMatch(/^mail +0 +8 +0 +2 +none$/)
    expect(lines[2]).toMatch(/^sales +0 +5 +3 +\d.* +0 +none$/)
    const { groups } = JSON.parse((await commitcast(counters, 'group', 'list', '--json')).stdout)
    expect(groups).toEqual(await sameBut(counters, groups))
    const status = await commitcast(counters, 'status', '--app', 'none')
    expect(status.stdout).toMatch(/^groups: 2$/m)
    expect(status.stdout).toMatch(/^ {2}mail: up to date; workers: none; parked: 2$/m)
    expect(status.stdout).toMatch(/^ {2}sales: 3 behind, the oldest for .+; workers: none$/m)
  })
})

describe('commitcast group forget-type', () => {
  test('takes a type out of the releases of a group, and refuses one that no release handles', async () => {
    await using counters = await openCounters({ partitions: 1 })
    const { cast, db, sql } = counters
    cast.handler('mail', { 'count.grown': () => {}, 'count.told': () => {} })
    await db.transaction().execute((trx) => cast.append(trx, { type: 'count.told', key: 'a', data: { n: 1 } }))
    const forget = () => commitcast(counters, 'group', 'forget-type', 'mail', 'count.told')
    expect(await forget()).toEqual({
      code: 0,
      stdout: '"mail" has forgotten "count.told": workers that do not handle it pass over its events.\n',
      stderr: '',
    })
    expect(await sql.query(`select types from ${schema}.group_release`)).toEqual([{ types: ['count.grown'] }])
    expect(await forget()).toMatchObject({ code: 1, stderr: expect.stringContaining('No release of the group "mail"') })
  })
})

describe('commitcast group reset', () => {
  test('puts a group to an offset, to the beginning, to the end and to a time, and says where it goes on', async () => {
    await using counters = await withTwoGroups()
    const reset = async (...args: string[]) => {
      const { code, stdout, stderr } = await commitcast(counters, 'group', 'reset', 'sales', ...args)
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      return stdout
    }
    expect(await reset('--to', '3')).toBe('partition 0: continues after offset 3 of epoch 1\n')
    expect(await readGroups(counters.sql, schema)).toMatchObject([{ group: 'mail' }, { group: 'sales', offset: 3 }])
    expect(await reset('--to', 'beginning', '--partition', '0')).toBe(
      'partition 0: continues at the beginning of epoch 1\n',
    )
    expect(await reset('--to', 'end')).toBe('partition 0: continues after offset 8 of epoch 1\n')
    expect(await reset('--to', '2020-01-01T00:00:00Z', '--json')).toBe(
      '{"group":"sales","places":[{"partition":0,"epoch":1,"offset":0}]}\n',
    )
  })

  test('takes away what is parked behind the new place, because it comes again', async () => {
    await using counters = await withTwoGroups()
    await commitcast(counters, 'group', 'reset', 'mail', '--to', 'beginning')
    expect(await listParked(counters.sql, { schema })).toEqual([])
  })

  test.each([
    [['sale', '--to', 'end'], 1, 'There is no group "sale". There are: mail, sales.'],
    [['sales', '--to', '99'], 1, "Offset 99 can't be set"],
    [['sales', '--to', 'end', '--partition', '9'], 1, 'There is no partition 9'],
    [['sales', '--to', 'yesterday'], 2, 'It has to be beginning, end, an offset'],
    [['sales', '--to', '2026-01-31T08:00:00'], 2, 'It has to be beginning, end, an offset'],
    [['sales'], 2, "required option '--to <place>' not specified"],
  ])('refuses %j in words and changes nothing', async (args, exitCode, words) => {
    await using counters = await withTwoGroups()
    const { code, stdout, stderr } = await commitcast(counters, 'group', 'reset', ...args)
    expect({ code, stdout }).toEqual({ code: exitCode, stdout: '' })
    expect(stderr).toContain(words)
    expect(await readGroups(counters.sql, schema)).toMatchObject([{ offset: 8 }, { offset: 5 }])
  })
})

describe('commitcast group rebuild', () => {
  test('asks for a rebuild, shows it, and gives it up', async () => {
    await using counters = await withTwoGroups()
    expect((await commitcast(counters, 'group', 'rebuild')).stdout).toBe('Nothing is being rebuilt.\n')
    const asked = await commitcast(counters, 'group', 'rebuild', 'sales')
    expect({ code: asked.code, stderr: asked.stderr }).toEqual({ code: 0, stderr: '' })
    expect(asked.stdout).toMatch(/^group +rebuilt as +since +behind +parked +waits for\nsales +sales~\d+ +20\S+Z/)
    const { rebuilds } = JSON.parse((await commitcast(counters, 'group', 'rebuild', '--json')).stdout)
    expect(rebuilds).toMatchObject([{ group: 'sales', fromKept: false }])
    expect(await commitcast(counters, 'group', 'rebuild', 'sales')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('is being rebuilt already'),
    })
    expect(await commitcast(counters, 'group', 'rebuild', 'sales', '--cancel')).toEqual({
      code: 0,
      stdout: 'Nothing is being rebuilt.\n',
      stderr: '',
    })
  })

  test('refuses in words', async () => {
    await using counters = await withTwoGroups()
    expect(await commitcast(counters, 'group', 'rebuild', 'sale')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('There is no group "sale"'),
    })
    expect(await commitcast(counters, 'group', 'rebuild', 'sales', '--cancel')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('is not being rebuilt'),
    })
    expect(await commitcast(counters, 'group', 'rebuild', '--cancel')).toMatchObject({ code: 2 })
  })
})

/** `mail` has done all eight events and parked two of them, `sales` has done five. Nobody works. */
async function withTwoGroups() {
  const counters = await openCounters({ partitions: 1 })
  const sales = counters.cast.projection('sales', counters.see)
  const mail = counters.cast.handler(
    'mail',
    {
      'count.grown'({ data }) {
        if (data.isBad) throw new Error('no such address')
      },
    },
    { onFailure: parkAtOnce },
  )
  const relay = counters.run([], ['relay'])
  const first = counters.run([sales])
  await counters.grow(5)
  await counters.allSeen()
  await first.stop()
  await counters.grow(3, { bad: [0, 1] })
  const second = counters.run([mail])
  await eventually(async () =>
    expect(await readGroups(counters.sql, schema)).toMatchObject([{ offset: 8 }, { lag: 3 }]),
  )
  await second.stop()
  await relay.stop()
  return counters
}

/** Ages go on while we look. */
async function sameBut(
  { sql }: { sql: Parameters<typeof readGroups>[0] },
  groups: readonly { oldestMs: number | null }[],
) {
  return (await readGroups(sql, schema)).map((row, index) => ({ ...row, oldestMs: groups[index]!.oldestMs }))
}

function commitcast({ url }: { url: string }, ...args: string[]) {
  return runCommitcast(args, { DATABASE_URL: url })
}
