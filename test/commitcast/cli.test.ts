import { createServer } from 'node:net'
import { assignOffsets, migrate, surviveErrors } from '@commitcast/outbox'
import { createDatabase, freePort, startNats } from '@commitcast/servers'
import pg from 'pg'
import { describe, expect, inject, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { createRandom } from '../fixtures/random.ts'
import { runCommitcast as commitcast, startCommitcast as start } from './run-commitcast.ts'

describe('commitcast migrate', () => {
  test('makes the tables, and again changes nothing', async () => {
    await using database = await createDatabase(inject('postgresUrl'))
    const args = ['migrate', '--database', database.url, '--partitions', '3']
    const first = await commitcast(args)
    expect(first).toEqual({
      code: 0,
      stdout: expect.stringMatching(
        /^The tables in schema "commitcast" are up to date: version \d+, 3 partitions\.\n$/,
      ),
      stderr: '',
    })
    const made = await tablesOf(database.url, 'commitcast')
    expect(await commitcast(args)).toEqual(first)
    expect(await commitcast(['migrate'], { DATABASE_URL: database.url })).toEqual(first)
    expect(await tablesOf(database.url, 'commitcast')).toEqual(made)
  })

  test('refuses another number of partitions than the tables were made with', async () => {
    await using database = await freshDatabase({ partitions: 3 })
    const { code, stderr } = await commitcast(['migrate', '--database', database.url, '--partitions', '4'])
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringMatching(/^--partitions 4 came too late: .* 3 partitions, /),
    })
  })

  test('--print prints SQL that makes the same tables, and needs no database', async () => {
    await using migrated = await createDatabase(inject('postgresUrl'))
    await using byHand = await createDatabase(inject('postgresUrl'))
    const options = ['--schema', 'shop_events', '--partitions', '5']
    const env = { DATABASE_URL: migrated.url, COMMITCAST_SCHEMA: 'not_this_one' }
    expect((await commitcast(['migrate', ...options], env)).code).toBe(0)
    const printed = await commitcast(['migrate', '--print', ...options])
    expect(printed).toMatchObject({ code: 0, stderr: '' })
    await query(byHand.url, printed.stdout)
    await query(byHand.url, printed.stdout)
    const tables = await tablesOf(byHand.url, 'shop_events')
    expect(tables.length).toBeGreaterThan(30)
    expect(tables).toEqual(await tablesOf(migrated.url, 'shop_events'))
    expect(await tablesOf(migrated.url, 'not_this_one')).toEqual([])
  })
})

const brokers = ['postgres', ...(inject('natsUrl') ? ['nats'] : [])]

describe.each(brokers)('commitcast relay and status on %s', (broker) => {
  test('the relay carries events and stops on SIGTERM; status shows what waited, and that nothing does any more', async () => {
    await using database = await freshDatabase({ partitions: 4 })
    const env = environment(database.url, broker)
    await append(database, 20)
    const before = await status(env)
    expect(before).toMatchObject({
      topic: { name: `${env.COMMITCAST_APP}-events`, epoch: 1, partitions: 4 },
      broker: { name: broker },
      members: [],
      segments: { until: expect.stringMatching(/^\d{4}-\d\d-\d\dT00:00:00Z$/) },
    })
    expect(before.segments.count).toBeGreaterThan(1)
    expect(sums(before)).toEqual({ given: 0, waiting: 20, stored: 0 })
    for (const { lease, waiting, oldestWaitingMs } of before.partitions) {
      expect(lease).toBeNull()
      expect(oldestWaitingMs !== null).toBe(waiting > 0)
      expect(oldestWaitingMs ?? 1).toBeGreaterThan(0)
    }

    const relay = start(['relay'], env)
    await eventually(async () => expect(sums(await status(env))).toEqual({ given: 20, waiting: 0, stored: 20 }))
    const after = await eventually(async () => {
      const now = await status(env)
      expect(now.members).toMatchObject([{ group: 'relay', asleep: true }])
      return now
    })
    const [owner] = after.members.map((member) => member.owner)
    expect(owner).toContain(`/${relay.child.pid}/`)
    for (const { lease, oldestWaitingMs } of after.partitions) {
      expect(oldestWaitingMs).toBeNull()
      expect(lease).toEqual({ owner, term: 1, expiresInMs: expect.any(Number) })
    }
    const { code, stdout } = await commitcast(['status'], env)
    expect(code).toBe(0)
    expect(stdout).toMatch(new RegExp(`^${env.COMMITCAST_APP}-events, epoch 1, on ${broker}\n`))
    expect(stdout).toMatch(/^relays: 1\n {2}\S+, seen \d\.\d s ago, asleep$/m)

    await append(database, 5)
    await eventually(async () => expect(sums(await status(env))).toEqual({ given: 25, waiting: 0, stored: 25 }))
    relay.child.kill('SIGTERM')
    expect(await relay.ended).toMatchObject({ code: 0, stderr: '' })
    const left = await status(env)
    expect(left).toMatchObject({ members: [], partitions: [{ lease: null }, {}, {}, {}] })
  })

  test('status makes nothing on the broker, whatever the app is called', async () => {
    await using database = await freshDatabase()
    const env = environment(database.url, broker)
    await append(database, 3)
    expect(sums(await status(env))).toEqual({ given: 0, waiting: 3, stored: 0 })
    expect(await tablesOf(database.url, 'commitcast_broker')).toEqual([])
    if (broker === 'nats') expect(await streamsOf(env.COMMITCAST_APP)).toEqual([])
  })
})

describe('commitcast relay', () => {
  test('waits for the database and for the tables, says so once, and goes on when they are there', async () => {
    await using database = await createDatabase(inject('postgresUrl'))
    const env = environment(database.url, 'postgres')
    const relay = start(['relay', '--database', database.url], env)
    await eventually(() =>
      expect(relay.stdout()).toMatch(/"trouble":"There are no tables in schema \\"commitcast\\" yet/),
    )
    const pool = surviveErrors(new pg.Pool({ connectionString: database.url }))
    await migrate({ query: async (text, values) => (await pool.query(text, values && [...values])).rows })
    await pool.query(`select commitcast.append('a', 'k', '1')`)
    await eventually(async () => expect(sums(await status(env))).toEqual({ given: 1, waiting: 0, stored: 1 }))
    await pool.end()
    relay.child.kill('SIGINT')
    expect((await relay.ended).code).toBe(0)
    expect(relay.stdout().match(/waiting/g)).toHaveLength(1)
  })

  test('waits while the database can not be reached, and stops when it is asked to', async () => {
    const port = await freePort()
    const relay = start(['relay', '--app', 'shop', '--database', `postgres://me:secret@127.0.0.1:${port}/shop`])
    await eventually(() => expect(relay.stdout()).toContain(`ECONNREFUSED 127.0.0.1:${port}`))
    relay.child.kill('SIGTERM')
    const { code, stdout } = await relay.ended
    expect(code).toBe(0)
    expect(stdout).not.toContain('secret')
  })

  test('answers for its health on the port that it is given', async () => {
    await using database = await freshDatabase({ partitions: 2 })
    const port = await freePort()
    const args = ['relay', '--health-port', String(port), '--retention-days', 'forever']
    const relay = start(args, environment(database.url, 'postgres'))
    await eventually(async () => {
      const response = await fetch(`http://127.0.0.1:${port}/health`)
      expect(response.status).toBe(200)
      expect(await response.json()).toMatchObject({ ready: true, relay: { ready: true, partitions: [0, 1] } })
    })
    relay.child.kill('SIGTERM')
    expect((await relay.ended).code).toBe(0)
  })

  test.each([
    ['--retention-days', '0'],
    ['--retention-days', 'soon'],
    ['--health-port', '70000'],
  ])('refuses %s %s', async (option, value) => {
    const { code, stderr } = await commitcast(['relay', option, value])
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(`argument '${value}' is invalid`) })
  })

  test('ends at once where Postgres knows no such database', async () => {
    const url = new URL(inject('postgresUrl'))
    url.pathname = '/no_such_shop'
    const { code, stderr } = await commitcast(['relay', '--app', 'shop'], { DATABASE_URL: url.href })
    expect(code).toBe(2)
    expect(stderr).toMatch(/^DATABASE_URL, or --database, was refused: database "no_such_shop" does not exist\./)
  })
})

describe('commitcast status', () => {
  test.each(['first', 'last'])(
    'counts an event that committed late, below what was given, where its transaction began %s',
    async (began) => {
      await using database = await freshDatabase({ partitions: 1 })
      const env = environment(database.url, 'postgres')
      await lease(database, 1)
      const [late, other] = [await database.pool.connect(), await database.pool.connect()]
      for (const client of began === 'first' ? [late, other] : [other, late])
        await client.query('begin; select pg_current_xact_id()')
      await write(late, 1)
      await write(other, 2)
      await other.query('commit')
      await give(database, 1)
      expect(sums(await status(env))).toMatchObject({ given: 2, waiting: 0 })
      await late.query('commit')
      late.release()
      other.release()
      expect(sums(await status(env))).toMatchObject({ given: 2, waiting: 1 })
    },
  )

  test.each([1, 2, 3])('counts what was committed and not given, whoever writes how (%i)', async (run) => {
    const random = createRandom(run * 7_919)
    await using database = await freshDatabase({ partitions: 2 })
    const env = environment(database.url, 'postgres')
    await lease(database, 2)
    const open: pg.PoolClient[] = []
    for (let round = 0; round < 4; round++) {
      for (let step = 0; step < 12; step++) {
        if (open.length > 0 && random.chance(0.4)) {
          const [client] = open.splice(random.int(0, open.length - 1), 1)
          await client!.query(random.chance(0.25) ? 'rollback' : 'commit')
          client!.release()
        } else if (open.length < 6 && random.chance(0.5)) {
          const client = await database.pool.connect()
          await client.query('begin')
          open.push(client)
          await write(client, random.int(1, 6))
        } else if (open.length > 0 && random.chance(0.5)) {
          await write(random.pick(open), random.int(1, 3))
        } else {
          await give(database, 2, random.int(1, 4))
        }
      }
      const [committed] = await database.sql.query<{ all: number[] }>(
        `select array[count(*) filter (where partition = 0), count(*) filter (where partition = 1)]::int[] as all
         from commitcast.outbox`,
      )
      const { partitions } = await status(env)
      expect(
        partitions.map(({ given, waiting }) => given + waiting),
        `seed ${random.seed}, round ${round}`,
      ).toEqual(committed?.all)
    }
    for (const client of open) client.release(true)
  })

  test('counts a great backlog no further than is of use, and stays quick', async () => {
    await using database = await freshDatabase({ partitions: 2 })
    await database.sql.query(
      `select count(commitcast.append('a', 'k', to_json(n))) from generate_series(1, 30000) as n`,
    )
    const { partitions } = await status(environment(database.url, 'postgres'))
    const counts = partitions.map(({ waiting, waitingIsMore }) => ({ waiting, waitingIsMore }))
    expect(counts.sort((a, b) => a.waiting - b.waiting)).toEqual([
      { waiting: 0, waitingIsMore: false },
      { waiting: 10_000, waitingIsMore: true },
    ])
  })

  test('tells what the broker has beyond what was given', async () => {
    await using database = await freshDatabase({ partitions: 1 })
    const env = environment(database.url, 'postgres')
    await append(database, 1)
    const relay = start(['relay'], env)
    await eventually(async () => expect(sums(await status(env))).toMatchObject({ stored: 1 }))
    relay.child.kill('SIGTERM')
    await relay.ended
    await database.sql.query('delete from commitcast.page')
    expect((await commitcast(['status'], env)).stdout).toContain('1 (never given!)')
  })

  test('an outage ends it with 1 and what to look at: the database, the broker', async () => {
    const port = await freePort()
    const gone = { DATABASE_URL: `postgres://me:secret@127.0.0.1:${port}/shop`, COMMITCAST_APP: 'shop' }
    expect(await commitcast(['status', '--json'], gone)).toEqual({
      code: 1,
      stdout: '',
      stderr: `The database does not answer: connect ECONNREFUSED 127.0.0.1:${port}. Does it run, and is DATABASE_URL, or --database, right?\n`,
    })
    await using database = await freshDatabase({ partitions: 2 })
    await append(database, 4)
    const env = { ...environment(database.url, 'postgres'), NATS_URL: `nats://ada:secret@127.0.0.1:${port}` }
    const withoutNats = await commitcast(['status', '--json'], env)
    expect(withoutNats).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        new RegExp(`^NATS at 127.0.0.1:${port} can't be reached: .*Check that it runs there`),
      ),
    })
    expect(withoutNats.stdout + withoutNats.stderr).not.toContain('secret')
    const told = JSON.parse(withoutNats.stdout) as StatusJson
    expect(told).toMatchObject({ broker: { name: 'nats', trouble: expect.any(String) } })
    expect(told.partitions.map((row) => row.stored)).toEqual([null, null])
    expect(told.partitions.reduce((sum, row) => sum + row.waiting, 0)).toBe(4)
  })

  test.skipIf(!inject('natsUrl'))('gives NATS the user and the password of its address', async () => {
    await using nats = await startNats({ config: 'authorization { user: ada, password: "s:cret@1" }' })
    await using database = await freshDatabase({ partitions: 1 })
    const env = { ...environment(database.url, 'postgres'), NATS_URL: nats.url }
    expect(await commitcast(['status'], env)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Authorization Violation'),
    })
    const address = nats.url.replace('//', `//ada:${encodeURIComponent('s:cret@1')}@`)
    const relay = start(['relay', '--nats', address], env)
    await append(database, 1)
    await eventually(async () => expect(sums(await status({ ...env, NATS_URL: address }))).toMatchObject({ stored: 1 }))
    relay.child.kill('SIGTERM')
    expect(await relay.ended).toMatchObject({ code: 0, stdout: expect.not.stringContaining('cret') })
  })

  test('a server that takes the connection and never answers ends it, too', async () => {
    const silent = createServer(() => {}).listen(0, '127.0.0.1')
    await new Promise((resolve) => silent.once('listening', resolve))
    const { port } = silent.address() as { port: number }
    const { code, stderr } = await commitcast([
      'status',
      '--app',
      'shop',
      '--database',
      `postgres://127.0.0.1:${port}/x`,
    ])
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^The database does not answer: /) })
    silent.close()
  })

  test('says where there are no tables', async () => {
    await using database = await createDatabase(inject('postgresUrl'))
    const { code, stderr } = await commitcast(['status', '--app', 'shop', '--database', database.url])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^There are no tables in schema "commitcast" .* run "commitcast migrate"/)
  })
})

describe('called in a way that can not work', () => {
  const mistakes: readonly [string, string[], Record<string, string>, RegExp][] = [
    ['no command', [], {}, /^Usage: commitcast/],
    ['a mistyped command', ['statsu'], {}, /unknown command 'statsu'\n\(Did you mean status\?\)/],
    ['a command that is none', ['nonsense'], {}, /unknown command 'nonsense'\nRun "commitcast --help"/],
    ['a mistyped option', ['status', '--jsn'], {}, /unknown option '--jsn'\n\(Did you mean --json\?\)/],
    ['a word too many', ['migrate', 'now'], {}, /too many arguments for 'migrate'/],
    ['no partitions', ['migrate', '--partitions', '0'], {}, /'0' is invalid. It has to be a whole number from 1/],
    [
      'nothing set',
      ['status'],
      { DATABASE_URL: '' },
      /^DATABASE_URL is not set.*--database <url>.*\nCOMMITCAST_APP is not set.*--app <name>/,
    ],
    [
      'a wrong variable',
      ['migrate'],
      { DATABASE_URL: 'mysql://me:hid@den@h/x' },
      /^DATABASE_URL: "mysql:\/\/me:\*\*\*@h\/x" can't/,
    ],
    [
      'a wrong option',
      ['migrate', '--print', '--schema', 'A b'],
      { COMMITCAST_SCHEMA: 'ok' },
      /^--schema: The schema name "A b"/,
    ],
    ['a wrong app', ['relay', '--app', 'a b'], { DATABASE_URL: 'postgres://h/x' }, /^--app: The app name "a b"/],
    [
      'a wrong broker',
      ['relay', '--app', 'a'],
      { DATABASE_URL: 'postgres://h/x', NATS_URL: 'http://h:1' },
      /^NATS_URL: "http:\/\/h:1" can't/,
    ],
  ]

  test.concurrent.each(mistakes)('%s: it ends with 2 and a hint, without a stack', async (_, args, env, hint) => {
    const { code, stdout, stderr } = await commitcast(args, env)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(hint)
    expect(stderr).not.toMatch(/^ {4}at |hid/m)
  })

  test('what Postgres refuses is told in its words', async () => {
    await using database = await freshDatabase()
    await database.pool.query('create schema taken; create view taken.migration as select 1 as number')
    const { code, stderr } = await commitcast(['migrate', '--database', database.url, '--schema', 'taken'])
    expect(code).toBe(1)
    expect(stderr).toBe('The database refused: column "version" does not exist (SQLSTATE 42703).\n')
  })
})

test('--help fits a screen, names every command, variable and exit code, and --version is the package’s', async () => {
  const { code, stdout } = await commitcast(['--help'])
  expect(code).toBe(0)
  for (const word of ['migrate', 'relay', 'status', 'DATABASE_URL', 'NATS_URL', 'COMMITCAST_APP', 'COMMITCAST_SCHEMA'])
    expect(stdout).toContain(word)
  const lines = stdout.trimEnd().split('\n')
  expect(lines.length).toBeLessThanOrEqual(24)
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80)
  expect(await commitcast(['--version'])).toEqual({
    code: 0,
    stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    stderr: '',
  })
})

interface StatusJson {
  readonly topic: unknown
  readonly partitions: readonly {
    readonly given: number
    readonly waiting: number
    readonly waitingIsMore: boolean
    readonly oldestWaitingMs: number | null
    readonly stored: number | null
    readonly lease: unknown
  }[]
  readonly members: readonly { readonly owner: string }[]
  readonly segments: { readonly count: number }
}

let apps = 0

function environment(database: string, broker: string) {
  return {
    DATABASE_URL: database,
    NATS_URL: broker === 'nats' ? inject('natsUrl') : '',
    COMMITCAST_APP: `cli-${process.pid}-${Date.now()}-${++apps}`,
  }
}

async function status(env: Readonly<Record<string, string>>): Promise<StatusJson> {
  const { code, stdout, stderr } = await commitcast(['status', '--json'], env)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout.trimEnd()).not.toContain('\n')
  return JSON.parse(stdout) as StatusJson
}

function sums({ partitions }: StatusJson) {
  const sum = (name: 'given' | 'waiting' | 'stored') => partitions.reduce((all, row) => all + (row[name] ?? 0), 0)
  return { given: sum('given'), waiting: sum('waiting'), stored: sum('stored') }
}

type Database = Awaited<ReturnType<typeof freshDatabase>>

async function append(database: Database, count: number): Promise<void> {
  await database.sql.query(
    `select commitcast.append('thing.made', n::text, to_json(n)) from generate_series(1, $1::int) as n`,
    [count],
  )
}

async function write(client: pg.PoolClient, count: number): Promise<void> {
  await client.query(`select commitcast.append('a', n::text, 'null') from generate_series(1, $1::int) as n`, [count])
}

/** Takes the leases, as a relay would. */
async function lease({ sql }: Database, partitions: number): Promise<void> {
  await sql.query(
    `insert into commitcast.lease (group_name, partition, term) select 'relay', generate_series(0, $1::int - 1), 1`,
    [partitions],
  )
}

/** Gives at most one page of each partition. */
async function give({ sql }: Database, partitions: number, maxPage = 100): Promise<void> {
  const leases = Array.from({ length: partitions }, (_, partition) => ({ partition, term: 1n }))
  await assignOffsets(sql, { schema: 'commitcast', leases, maxPage })
}

async function query(url: string, text: string) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

/** All that a schema holds, but what differs from day to day or by a name. */
async function tablesOf(url: string, schema: string): Promise<unknown[]> {
  return query(
    url,
    `select c.relname as table, a.attname as name, format_type(a.atttypid, a.atttypmod) as type, a.attnotnull as required,
       pg_get_expr(d.adbin, d.adrelid) as value
     from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
     left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
     where c.relnamespace = to_regnamespace('${schema}')
     union all
     select conrelid::regclass::text, conname, 'constraint', null, pg_get_constraintdef(oid)
     from pg_constraint where connamespace = to_regnamespace('${schema}')
     union all
     select null, proname, 'function', null, md5(pg_get_functiondef(oid))
     from pg_proc where pronamespace = to_regnamespace('${schema}')
     union all
     select null, tgrelid::regclass::text || ' ' || tgname, 'trigger', null, pg_get_triggerdef(oid)
     from pg_trigger where tgrelid::regclass::text like '${schema}.%'
     order by 1, 2, 3, 4, 5`,
  )
}

async function streamsOf(app: string): Promise<string[]> {
  const { connect } = await import('nats')
  const nc = await connect({ servers: inject('natsUrl') })
  const names: string[] = []
  for await (const { config } of (await nc.jetstreamManager()).streams.list()) names.push(config.name)
  await nc.close()
  return names.filter((name) => name.startsWith(app))
}
