import { memoryBroker } from '@commitcast/broker/memory'
import { type CommitcastOptions, createCommitcast, defineEvents } from 'commitcast'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { healthParts } from '../fixtures/health-parts.ts'

const events = defineEvents({ 'thing.done': { data: z.object({ n: z.number() }) } })
const everyone = { channels: () => [] }

test.each([
  ['without a database', { db: undefined }, /"db" is undefined; give it the application's Kysely instance/],
  ['without a broker', { broker: undefined }, /"broker" is undefined; give it a broker/],
  ['with a promise of a broker', { broker: Promise.resolve() }, /"broker" is a promise/],
  ['without anything', { db: undefined, broker: undefined }, /"connectionString" is undefined; give it the address/],
  [
    'with two databases',
    { connectionString: 'postgres://127.0.0.1/shop' },
    /"connectionString" and "db" are both given/,
  ],
  [
    'with a promise beside an address',
    { db: undefined, connectionString: 'x', broker: Promise.resolve() },
    /"broker" is/,
  ],
  ['without a catalogue', { events: undefined }, /"events" is undefined; give it the catalogue/],
])('a cast %s is refused, with a code', async (_, wrong, words) => {
  await using database = await freshDatabase()
  const given = { app: 'shop', events, db: database.db, broker: memoryBroker(), ...wrong }
  const make = () => createCommitcast(given as unknown as CommitcastOptions<typeof events, unknown>)
  expect(make).toThrow(words)
  expect(make).toThrow(expect.objectContaining({ code: 'CAST_OPTION_INVALID' }))
})

test('a cast whose connectionString is no address of Postgres is refused', () => {
  for (const connectionString of ['http://me:secret@host', '']) {
    const make = () => createCommitcast({ app: 'shop', events, connectionString })
    expect(make).toThrow(expect.objectContaining({ code: 'INVALID_ADDRESS' }))
    expect(make).not.toThrow(/secret/)
  }
})

test('a cast whose listenTo is no address of Postgres is refused', async () => {
  await using database = await freshDatabase()
  const options = { app: 'shop', events, db: database.db, broker: memoryBroker() }
  for (const listenTo of ['http://me:secret@host', '']) {
    const make = () => createCommitcast({ ...options, listenTo })
    expect(make).toThrow(expect.objectContaining({ code: 'INVALID_ADDRESS' }))
    expect(make).not.toThrow(/secret/)
  }
})

test('a run that can not work is refused at once, with a code', async () => {
  await using database = await freshDatabase()
  const open = () => createCommitcast({ app: 'shop', events, db: database.db, broker: memoryBroker() })
  const [cast, other] = [open(), open()]
  const [live, sales, foreign] = [
    cast.live(everyone),
    cast.projection('sales', async () => {}),
    other.projection('sales', async () => {}),
  ]
  const signal = new AbortController().signal
  type Run = Parameters<typeof cast.run>[0]
  const refused = async (code: string, words: RegExp, run: unknown) => {
    const failure = await cast.run({ signal, ...(run as object) } as Run).catch((error: unknown) => error)
    expect(failure).toMatchObject({ name: 'CastMisused', code, message: expect.stringMatching(words) })
  }
  await refused('USE_WITHOUT_ROLE', /"roles" lacks "stream"/, { roles: ['relay'], use: [live] })
  await refused('USE_WITHOUT_ROLE', /"use" holds "sales", and "roles" lacks "consume"/, {
    roles: ['relay'],
    use: [sales],
  })
  await refused('USE_NOT_OF_CAST', /another object at index 1/, { roles: ['consume'], use: [sales, foreign] })
  await refused('USE_NOT_OF_CAST', /undefined at index 0/, { roles: ['consume'], use: [undefined] })
  await refused('ROLE_WITHOUT_USE', /"stream" needs/, { roles: ['stream'] })
  await refused('ROLE_WITHOUT_USE', /"consume" needs/, { roles: ['consume'] })
  await refused('ROLE_UNKNOWN', /the role "relai" is unknown/, { roles: ['relai'] })
  await refused('ROLE_UNKNOWN', /the role "project" is unknown.*is now called "consume"/, {
    roles: ['relay', 'project'],
    use: [sales],
  })
  await refused('ROLE_UNKNOWN', /there is no role/, { roles: [] })
  await refused('ROLE_WITHOUT_USE', /one thing that cast.live\(\) returned; got 2/, {
    use: [live, cast.live(everyone)],
  })
  await refused('GROUP_TWICE', /two groups are called "sales"/, { roles: ['consume'], use: [sales, sales] })
  await refused('CAST_OPTION_INVALID', /"signal" is undefined/, { roles: ['relay'], signal: undefined })
  expect(cast.health()).toEqual({ ready: true, groups: {} })
})

test('without roles a process runs the relay and all that it uses', async () => {
  await using database = await freshDatabase()
  const cast = createCommitcast({ app: 'shop', events, db: database.db, broker: memoryBroker() })
  const [live, sales] = [cast.live(everyone), cast.projection('sales', async () => {})]
  const runs = [
    { use: undefined, parts: ['relay'] },
    { use: [live], parts: ['relay', 'stream'] },
    { use: [sales], parts: ['group sales', 'relay'] },
    { use: [live, sales], parts: ['group sales', 'relay', 'stream'] },
  ]
  for (const { use, parts } of runs) {
    const stopping = new AbortController()
    const running = cast.run({ ...(use && { use }), signal: stopping.signal })
    await eventually(() => {
      expect(Object.keys(healthParts(cast.health())).sort()).toEqual(parts)
    })
    stopping.abort()
    await running
  }
})

test('a role runs once at a time in a cast, again after it ended, and not after the cast was closed', async () => {
  await using database = await freshDatabase()
  const cast = createCommitcast({ app: 'shop', events, db: database.db, broker: memoryBroker() })
  const [first, second] = [new AbortController(), new AbortController()]
  const running = cast.run({ roles: ['relay'], signal: first.signal })
  const run = () => cast.run({ roles: ['relay'], signal: second.signal })
  await expect(run()).rejects.toMatchObject({ code: 'CAST_RUNS_ALREADY', message: expect.stringMatching(/runs relay/) })
  await eventually(() => expect(cast.health()).toMatchObject({ relay: { ready: true } }))
  await expect(run()).rejects.toMatchObject({ code: 'CAST_RUNS_ALREADY' })
  first.abort()
  await running
  const again = run()
  await eventually(() => expect(cast.health()).toMatchObject({ relay: { ready: true } }))
  second.abort()
  await again
  await cast.close()
  await expect(run()).rejects.toMatchObject({ code: 'CAST_CLOSED' })
})
