import { memoryBroker } from '@commitcast/broker/memory'
import { listParked, retryParked, sqlOf } from '@commitcast/outbox'
import { ForgetRefused, forgetType, readGroups } from '@commitcast/stream'
import { createCommitcast, defineEvents } from 'commitcast'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { eventually } from '../fixtures/eventually.ts'
import { openCounters } from './open-counters.ts'

const schema = 'commitcast'
const newerEvents = defineEvents({
  'count.grown': { data: z.object({ n: z.number(), isBad: z.boolean().optional() }) },
  'count.told': { data: z.object({ n: z.number() }) },
  'count.reset': { data: z.object({ n: z.number() }) },
})

test('a worker of an older release leaves the partitions to a newer one, and no event is passed over', async () => {
  await using counters = await openCounters({ partitions: 4 })
  const mail = mailOf(counters)
  counters.run([mail.old.group], ['relay', 'consume'], mail.old.cast)
  await counters.grow(8)
  await eventually(() => expect(mail.got()).toBe(8))
  counters.run([mail.new.group], ['consume'], mail.new.cast)
  await eventually(async () => expect(await owners(counters)).toHaveLength(2))
  for (let round = 0; round < 5; round++) await mail.tell(8)
  await eventually(() => expect(mail.got()).toBe(48), 20_000)
  expect(mail.new.got.filter(({ type }) => type === 'count.told')).toHaveLength(40)
  expect(mail.old.got.filter(({ type }) => type === 'count.told')).toEqual([])
  mail.expectOrder()
  // The older worker met one of them, so it holds nothing any more.
  await eventually(async () => expect(await owners(counters)).toHaveLength(1))
})

test('where no worker of the newer release lives, the partition is halted with a code, and one that starts continues it', async () => {
  await using counters = await openCounters({ partitions: 1 })
  const mail = mailOf(counters)
  counters.run([mail.old.group], ['relay', 'consume'], mail.old.cast)
  await counters.grow(4)
  // A release is older where it was registered before the other one.
  await eventually(() => expect(mail.got()).toBe(4))
  await mail.tell(4)
  await counters.grow(4)
  await eventually(() => expect(troubleOf(mail.old.cast)).toMatch(/"count.told".*forget-type mail count.told/))
  expect(mail.got()).toBe(4)
  expect(await offsetOf(counters)).toBe(4)
  counters.run([mail.new.group], ['consume'], mail.new.cast)
  await eventually(() => expect(mail.got()).toBe(12), 20_000)
  expect(mail.new.got).toHaveLength(8)
  mail.expectOrder()
})

test('after a roll-back an operator forgets the type, and the older release passes over its events', async () => {
  await using counters = await openCounters({ partitions: 1 })
  const mail = mailOf(counters)
  const before = counters.run([mail.old.group], ['relay', 'consume'], mail.old.cast)
  await counters.grow(1)
  await eventually(() => expect(mail.got()).toBe(1))
  await before.stop()
  const newer = counters.run([mail.new.group], ['relay', 'consume'], mail.new.cast)
  await mail.tell(4)
  await eventually(() => expect(mail.got()).toBe(5))
  await expect(forgetType(counters.sql, { schema, group: 'mail', type: 'count.told' })).rejects.toThrow(ForgetRefused)
  await newer.stop()
  await mail.tell(4)
  await counters.grow(4)
  counters.run([mail.old.group], ['relay', 'consume'], mail.old.cast)
  await eventually(() => expect(troubleOf(mail.old.cast)).toMatch(/"count.told"/))
  expect(await forgetType(counters.sql, { schema, group: 'mail', type: 'count.told' })).toBe(true)
  expect(await forgetType(counters.sql, { schema, group: 'mail', type: 'count.told' })).toBe(false)
  await eventually(() => expect(mail.old.got).toHaveLength(5), 20_000)
  expect(mail.old.got.every(({ type }) => type === 'count.grown')).toBe(true)
  await eventually(async () => expect(await offsetOf(counters)).toBe(13))
  expect(troubleOf(mail.old.cast)).toBeUndefined()
})

test('a newer release that has dropped a handler passes over its events and does not wait for older workers', async () => {
  await using counters = await openCounters({ partitions: 1 })
  const mail = mailOf(counters)
  const older = counters.run([mail.new.group], ['relay', 'consume'], mail.new.cast)
  await mail.tell(2)
  await eventually(() => expect(mail.got()).toBe(2))
  const last = counters.open()
  const got: string[] = []
  const slim = last.handler('mail', { 'count.grown': ({ type }) => void got.push(type) })
  await counters.db.transaction().execute((trx) => last.append(trx, { type: 'count.grown', key: 'x', data: { n: 1 } }))
  await older.stop()
  await mail.tell(2, counters.cast)
  counters.run([slim], ['relay', 'consume'], last)
  await eventually(async () => expect(await offsetOf(counters)).toBe(5))
  expect(troubleOf(last)).toBeUndefined()
})

test('a release with a larger number is newer, whatever it handles', async () => {
  await using counters = await openCounters({ partitions: 1 })
  const both = mailOf(counters, { old: 8, new: 7 })
  const first = counters.run([both.new.group], ['relay', 'consume'], both.new.cast)
  await both.tell(2)
  await eventually(() => expect(both.got()).toBe(2))
  await first.stop()
  counters.run([both.old.group], ['relay', 'consume'], both.old.cast)
  await both.tell(2)
  await counters.grow(1)
  await eventually(() => expect(both.old.got).toHaveLength(1))
  expect(troubleOf(both.old.cast)).toBeUndefined()
})

test('a process that only appends registers its groups in the same transaction, and a rolled back one counts for nothing', async () => {
  await using counters = await openCounters({ partitions: 1 })
  const mail = mailOf(counters)
  const types = () =>
    counters.sql.query<{ types: string[] }>(
      `select types from ${schema}.group_release where group_name = 'mail' order by number, id`,
    )
  const append = (isKept: boolean) =>
    counters.db
      .transaction()
      .execute(async (trx) => {
        for (let n = 1; n <= 2; n++) {
          await mail.new.cast.append(trx, { type: 'count.told', key: 'a', data: { n } })
        }
        if (!isKept) throw new Error('rolled back')
      })
      .catch(() => {})
  await append(false)
  expect(await types()).toEqual([])
  await append(true)
  expect(await types()).toEqual([{ types: ['count.grown', 'count.told'] }])
  await append(true)
  expect(await types()).toHaveLength(1)
})

test('an older projection and an older stream worker halt at a type that only a newer catalogue has', async () => {
  await using counters = await openCounters({ partitions: 1 })
  const newer = createCommitcast({
    ...{ app: 'count', events: newerEvents, db: counters.db },
    ...{ broker: memoryBroker(counters.storage), listenTo: counters.url },
  })
  const see = (cast: typeof newer | typeof counters.cast) =>
    cast.projection('totals', async (batch: readonly { key: string; data: { n: number } }[], trx) => {
      await counters.see(batch, trx)
    })
  const live = { old: counters.cast.live({ channels: () => ['all'] }), new: newer.live({ channels: () => ['all'] }) }
  const groups = { old: see(counters.cast), new: see(newer) }
  const older = counters.run([groups.old, live.old as never], ['relay', 'stream', 'consume'])
  await counters.grow(2, { keys: ['a'] })
  await counters.allSeen()
  await counters.db.transaction().execute((trx) => newer.append(trx, { type: 'count.reset', key: 'a', data: { n: 3 } }))
  await eventually(() => {
    const health = counters.cast.health()
    expect(JSON.stringify(health.groups.totals)).toMatch(/count\.reset/)
    expect(JSON.stringify(health.stream)).toMatch(/count\.reset/)
  })
  const stopping = new AbortController()
  const done = newer.run({ roles: ['stream', 'consume'], use: [groups.new, live.new], signal: stopping.signal })
  await eventually(async () => expect(await counters.seen()).toEqual({ a: [1, 2, 3] }), 20_000)
  await eventually(async () => {
    const topic = await memoryBroker(counters.storage).topic({ name: 'count-live', epoch: 1, partitions: 1 })
    expect((await topic.last(0))?.offset).toBe(3)
  }, 20_000)
  stopping.abort()
  await done
  await older.stop()
})

test('a parked event of a newer type is not removed by an older worker that is asked to try it again', async () => {
  await using counters = await openCounters({ partitions: 1 })
  let isFixed = false
  const told: number[] = []
  const newer = counters.open()
  const group = newer.handler(
    'mail',
    {
      'count.grown': () => {},
      'count.told'({ data }) {
        if (!isFixed) throw new Error('no such address')
        told.push(data.n)
      },
    },
    { onFailure: { type: 'park', afterMs: 0, retryForMs: 0 } },
  )
  const older = counters.open()
  const oldGroup = older.handler('mail', { 'count.grown': () => {} })
  await counters.db.transaction().execute((trx) => older.append(trx, { type: 'count.grown', key: 'a', data: { n: 1 } }))
  const first = counters.run([group], ['relay', 'consume'], newer)
  await mailOf(counters).tell(1)
  await eventually(async () => expect(await listParked(counters.sql, { schema })).toHaveLength(1))
  await first.stop()
  const second = counters.run([oldGroup], ['consume'], older)
  await retryParked(counters.sql, { schema, ids: (await listParked(counters.sql, { schema })).map(({ id }) => id) })
  await eventually(() => expect(troubleOf(older)).toMatch(/count\.told/))
  expect(await listParked(counters.sql, { schema })).toHaveLength(1)
  await second.stop()
  isFixed = true
  counters.run([group], ['consume'], newer)
  await eventually(() => expect(told).toEqual([1]), 20_000)
})

test('a role that may only append registers the groups of its process', async () => {
  await using counters = await openCounters({ partitions: 1 })
  const { sql } = counters
  await sql.query('create role release_writer')
  await sql.query(`grant usage on schema ${schema} to release_writer`)
  await sql.query(`grant select, insert on ${schema}.outbox to release_writer`)
  await sql.query(`grant select on ${schema}.topic, ${schema}.sleeping_relay to release_writer`)
  const { cast } = mailOf(counters).new
  await counters.db.transaction().execute(async (trx) => {
    await sqlOf(trx).query('set local role release_writer')
    await cast.append(trx, { type: 'count.told', key: 'a', data: { n: 1 } })
  })
  expect(await sql.query(`select group_name from ${schema}.group_release`)).toEqual([{ group_name: 'mail' }])
  await sql.query('drop owned by release_writer')
  await sql.query('drop role release_writer')
})

type Counters = Awaited<ReturnType<typeof openCounters>>

interface Got {
  readonly type: string
  readonly key: string
  readonly n: number
}

/** The handler `mail` of two releases: the older one handles `count.grown`, the newer one `count.told`, too. */
function mailOf(counters: Counters, releases: { readonly old?: number; readonly new?: number } = {}) {
  const all: Got[] = []
  const release = (types: readonly ('count.grown' | 'count.told')[], number: number | undefined) => {
    const cast = counters.open(counters.db, number)
    const got: Got[] = []
    const handle = ({ type, key, data }: { type: string; key: string; data: { n: number } }) => {
      const one = { type, key, n: data.n }
      got.push(one)
      all.push(one)
    }
    return { cast, got, group: cast.handler('mail', Object.fromEntries(types.map((type) => [type, handle]))) }
  }
  const old = release(['count.grown'], releases.old)
  const newer = release(['count.grown', 'count.told'], releases.new)
  let told = 0
  return {
    old,
    new: newer,
    got: () => all.length,
    /** Appends so many events that only the newer release handles, from a process that defines that release. */
    async tell(count: number, cast: Counters['cast'] = newer.cast) {
      const list = Array.from({ length: count }, (_, index) => {
        return { type: 'count.told' as const, key: 'abcd'[index % 4]!, data: { n: ++told } }
      })
      await counters.db.transaction().execute((trx) => cast.append(trx, list))
    },
    expectOrder() {
      for (const type of ['count.grown', 'count.told']) {
        for (const key of 'abcd') {
          const ns = all.filter((one) => one.type === type && one.key === key).map(({ n }) => n)
          expect(ns).toEqual(ns.toSorted((a, b) => a - b))
          expect(new Set(ns).size).toBe(ns.length)
        }
      }
    },
  }
}

function troubleOf(cast: Counters['cast']): string | undefined {
  const { troubles } = (cast.health().groups.mail ?? {}) as { troubles?: Record<string, string> }
  return Object.values(troubles ?? {})[0]
}

async function offsetOf({ sql }: Counters): Promise<number | undefined> {
  return (await readGroups(sql, schema)).find(({ group }) => group === 'mail')?.offset
}

async function owners({ sql }: Counters): Promise<string[]> {
  const groups = await readGroups(sql, schema)
  return [...new Set(groups.flatMap(({ group, owner }) => (group === 'mail' && owner !== null ? [owner] : [])))]
}
