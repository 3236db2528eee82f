import { type MemoryStorage, memoryBroker } from '@commitcast/broker/memory'
import { sqlOf } from '@commitcast/outbox'
import { createCommitcast, defineEvents } from 'commitcast'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { createRandom, type Random } from '../fixtures/random.ts'

const events = defineEvents({ 'account.changed': { data: z.object({ by: z.number(), at: z.date() }) } })
const accounts = ['a', 'b', 'c', 'd', 'e', 'f']

/** A bank whose accounts are changed in the events' own transactions, its workers, and a subscription to all of it. */
async function openBank() {
  const database = await freshDatabase({ partitions: 3 })
  await database.sql.query('create table account (id text primary key, balance int not null)')
  await database.sql.query(`insert into account select unnest($1::text[]), 0`, [accounts])
  const storage: MemoryStorage = new Map()
  const openCast = () =>
    createCommitcast({ app: 'bank', events, db: database.db, broker: memoryBroker(storage), listenTo: database.url })
  const [cast, otherNode] = [openCast(), openCast()]
  const define = (node: typeof cast) =>
    node.live({ channels: (event) => ['all', `account:${event.key}`] }).enrich('owner', {
      id: (event) => event.key,
      load: async (ids) => new Map(ids.map((id) => [id, `owner of ${id}`])),
    })
  const nodes = [define(cast), define(otherNode)]
  const stopping = new AbortController()
  const running = cast.run({ roles: ['relay', 'stream'], use: [nodes[0]!], signal: stopping.signal })
  const state = async () => {
    const rows = await database.sql.query<{ id: string; balance: number }>('select id, balance from account')
    return new Map(rows.map((row) => [row.id, row.balance]))
  }
  return {
    ...database,
    nodes,
    state,
    /** Changes a random account, by an amount that tells it from others, in a transaction that takes its time. */
    async change(random: Random) {
      const id = random.pick(accounts)
      const by = random.int(1, 1_000)
      const commits = !random.chance(0.15)
      await database.db
        .transaction()
        .execute(async (trx) => {
          await sqlOf(trx).query('update account set balance = balance + $1 where id = $2', [by, id])
          await cast.append(trx, { type: 'account.changed', key: id, data: { by, at: new Date() } })
          if (random.chance(0.2)) await new Promise((resolve) => setTimeout(resolve, random.int(1, 15)))
          if (!commits) throw new Error('taken back')
        })
        .catch((error) => {
          if (commits) throw error
        })
    },
    async [Symbol.asyncDispose]() {
      stopping.abort()
      await running
      await Promise.all([cast.close(), otherNode.close()])
      await database[Symbol.asyncDispose]()
    },
  }
}

type Bank = Awaited<ReturnType<typeof openBank>>

/** A client that drops and comes back, on any node, with the last cursor it was given. */
async function watch(bank: Bank, random: Random, until: (balances: Map<string, number>) => boolean) {
  let lastEventId: string | undefined
  let balances = new Map<string, number>()
  const seen = new Set<string>()
  const history = { states: 0, events: 0, resyncs: 0 }
  const given = AbortSignal.timeout(60_000)
  while (!until(balances)) {
    given.throwIfAborted()
    const dropping = new AbortController()
    const signal = AbortSignal.any([dropping.signal, given])
    const query = random.pick(bank.nodes).subscription({
      channels: () => ['all'],
      authorize: 'everyone',
      state: async ({ trx }) =>
        new Map(
          (await sqlOf(trx).query<{ id: string; balance: number }>('select id, balance from account')).map((row) => [
            row.id,
            row.balance,
          ]),
        ),
    })
    const patience = random.int(1, 30)
    let taken = 0
    for await (const [id, envelope] of query({ ctx: {}, input: { lastEventId }, signal })) {
      if (taken++ >= patience) break
      lastEventId = id
      if (envelope.kind === 'state') {
        history.states++
        balances = new Map(envelope.state)
      } else if (envelope.kind === 'event') {
        history.events++
        expect(seen.has(envelope.event.id), 'twice').toBe(false)
        seen.add(envelope.event.id)
        expect(envelope.event.metadata.owner).toBe(`owner of ${envelope.event.key}`)
        expect(envelope.event.data.at).toBeInstanceOf(Date)
        balances.set(envelope.event.key, balances.get(envelope.event.key)! + envelope.event.data.by)
      } else if (envelope.kind === 'resync') history.resyncs++
      if (until(balances)) break
    }
    dropping.abort()
  }
  return history
}

test.each([1, 2, 3, 4, 5])(
  'state first, then exactly what it does not show, for clients that drop at any place and return on any node (run %i)',
  async () => {
    const random = createRandom()
    await using bank = await openBank()
    let final: Map<string, number> | undefined
    const isDone = (balances: Map<string, number>) =>
      final !== undefined && accounts.every((id) => balances.get(id) === final?.get(id))
    const clients = Array.from({ length: 6 }, () => watch(bank, random, isDone))
    await Promise.all(
      Array.from({ length: 6 }, async () => {
        for (let n = 0; n < 25; n++) await bank.change(random)
      }),
    )
    final = await bank.state()
    await bank.sql.query(`select commitcast.append('account.changed', 'a', '{"by": 0, "at": "2026-01-01"}',
      '{"notes": {"values": {"at": ["Date"]}, "v": 1}}')`)
    const histories = await Promise.all(clients).catch((error) => {
      throw new Error(`SEED=${random.seed}: ${error}`, { cause: error })
    })
    expect(histories.map((history) => history.resyncs)).toEqual(histories.map(() => 0))
    expect(histories.map((history) => history.states)).toEqual(histories.map(() => 1))
  },
)

test.each(['', 'nonsense', '1.9.0-0-0', '1.1.0-0', '1.1.zzzz-0-0', `1.1.0-0-0.${'9'.repeat(9_000)}`])(
  'a cursor that can not be continued (%j) is answered with resync, then the state',
  async (lastEventId) => {
    await using bank = await openBank()
    const kinds: string[] = []
    const query = bank.nodes[0]!.subscription({ channels: () => ['all'], authorize: 'everyone', state: async () => 1 })
    for await (const [, envelope] of query({ ctx: {}, input: { lastEventId }, signal: AbortSignal.timeout(60_000) })) {
      kinds.push(envelope.kind)
      if (envelope.kind === 'live') break
    }
    expect(kinds).toEqual(['resync', 'state', 'live'])
  },
)

test('who may not follow is refused', async () => {
  await using bank = await openBank()
  const follow = bank.nodes[0]!.subscription({ channels: () => ['all'], authorize: () => false })
  const first = follow({ ctx: {}, input: {} })[Symbol.asyncIterator]().next()
  await expect(first).rejects.toMatchObject({ code: 'FORBIDDEN' })
})

test('only the followed channels are told', async () => {
  await using bank = await openBank()
  const signal = AbortSignal.timeout(60_000)
  const follow = bank.nodes[0]!.subscription({ channels: () => ['account:b'], authorize: 'everyone' })
  const stream = follow({ ctx: {}, input: {}, signal })[Symbol.asyncIterator]()
  expect((await stream.next()).value?.[1].kind).toBe('live')
  for (const key of ['a', 'b', 'c', 'b']) {
    await bank.sql.query(`select commitcast.append('account.changed', $1, '{"by": 1, "at": 0}')`, [key])
  }
  const told = [await stream.next(), await stream.next()].map(({ value }) => value?.[1])
  expect(told).toMatchObject([
    { kind: 'event', event: { key: 'b' } },
    { kind: 'event', event: { key: 'b' } },
  ])
  await stream.return?.()
})
