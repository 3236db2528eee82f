import { type MemoryStorage, memoryBroker } from '@commitcast/broker/memory'
import { sqlOf } from '@commitcast/outbox'
import { createCommitcast, defineEvents } from 'commitcast'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { eventually } from '../fixtures/eventually.ts'
import { copyServer } from '../fixtures/older-copy.ts'
import { ownPostgres } from '../fixtures/own-postgres.ts'

const events = defineEvents({ 'count.grown': { data: z.object({ by: z.number() }) } })

test('after a fail-over that lost no event, ids of transactions come again: a state that saw them is read anew, and hides no event', async (context) => {
  await using database = await ownPostgres({ partitions: 1 })
  const { db, server, sql, url } = database
  if (!server.dataFolder) return context.skip('the data of a server in a container is not at hand')
  await sql.query('create table counter (value int not null)')
  await sql.query('insert into counter values (0)')
  const storage: MemoryStorage = new Map()
  const cast = createCommitcast({ app: 'count', events, db, broker: memoryBroker(storage), listenTo: url })
  const live = cast.live({ channels: () => ['all'] })
  const stopping = new AbortController()
  const running = cast.run({ roles: ['relay', 'stream'], use: [live], signal: stopping.signal })
  const valueIn = async (asked: typeof sql) =>
    (await asked.query<{ value: number }>('select value from counter'))[0]!.value
  const grow = () =>
    db.transaction().execute(async (trx) => {
      await sqlOf(trx).query('update counter set value = value + 1')
      await cast.append(trx, { type: 'count.grown', key: 'a', data: { by: 1 } })
    })
  const watch = () => {
    const seen = { value: -1, kinds: [] as string[] }
    const query = live.subscription({
      channels: () => ['all'],
      authorize: 'everyone',
      state: ({ trx }) => valueIn(sqlOf(trx)),
    })
    const follow = async () => {
      for await (const [, envelope] of query({ ctx: {}, input: {}, signal: stopping.signal })) {
        seen.kinds.push(envelope.kind === 'resync' ? `resync: ${envelope.reason}` : envelope.kind)
        if (envelope.kind === 'state') seen.value = envelope.state
        if (envelope.kind === 'event') seen.value += envelope.event.data.by
      }
    }
    return { seen, done: follow() }
  }
  for (let n = 0; n < 5; n++) await grow()
  const early = watch()
  await eventually(() => expect(early.seen).toEqual({ value: 5, kinds: ['state', 'live'] }))

  const older = await copyServer(server)
  await eventually(() => sql.query('update counter set value = 100'))
  for (let n = 0; n < 50; n++) await sql.query('select pg_current_xact_id()')
  const late = watch()
  await eventually(() => expect(late.seen).toEqual({ value: 100, kinds: ['state', 'live'] }))

  await older.failOver({ isPromoted: true })
  await eventually(grow)
  await eventually(() => expect(late.seen.value).toBe(6))
  await grow()
  await eventually(() => expect([early.seen.value, late.seen.value]).toEqual([7, 7]))
  expect(await valueIn(sql)).toBe(7)
  for (const { seen } of [early, late]) {
    expect(seen.kinds.filter((kind) => kind.startsWith('resync'))).toEqual(['resync: failover'])
  }
  stopping.abort()
  await Promise.all([running, early.done, late.done])
  await cast.close()
})
