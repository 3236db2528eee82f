import { type MemoryStorage, memoryBroker } from '@commitcast/broker/memory'
import { silentLogger } from '@commitcast/worker'
import { createCommitcast, defineEvents, stateType } from 'commitcast'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { createRandom, roundsOf } from '../fixtures/random.ts'

const events = defineEvents({
  'thing.began': { data: z.object({ id: z.string() }) },
  'thing.grew': { data: z.object({ id: z.string(), n: z.number() }) },
  'thing.seen': { data: z.object({ n: z.number(), count: z.number() }) },
})

interface Thing {
  readonly status: 'growing'
  readonly seen: readonly string[]
}

test.each(roundsOf(4))(
  'workers that come and go give each instance each event once, in order per key: round %i',
  async (round) => {
    const random = createRandom()
    console.info(`seed ${random.seed}, round ${round}`)
    await using database = await freshDatabase({ partitions: 8 })
    const storage: MemoryStorage = new Map()
    const open = () => {
      const options = { app: 'story', events, db: database.db, broker: memoryBroker(storage), logger: silentLogger }
      const cast = createCommitcast({ ...options, listenTo: database.url })
      const things = cast
        .process('things', {
          state: stateType<Thing>(),
          instance: { 'thing.began': ({ data }) => data.id, 'thing.grew': ({ data }) => data.id },
          ends: [],
          maxBatch: random.int(1, 30),
          maxHeld: 10_000,
        })
        .transitions({
          none: { 'thing.began': () => ({ state: { status: 'growing', seen: [] } }), 'thing.grew': 'hold' },
          growing: {
            'thing.began': 'ignore',
            'thing.grew': ({ seen }, { key, data: { n } }) => ({
              state: { status: 'growing', seen: [...seen, `${key} ${n}`] },
              append: { type: 'thing.seen', key, data: { n, count: seen.length + 1 } },
            }),
          },
        })
      return { cast, things }
    }
    const relay = open()
    const stopping = new AbortController()
    const relaying = relay.cast.run({ roles: ['relay'], signal: stopping.signal })
    const ids = ['a', 'b', 'c']
    const keys = ['k1', 'k2', 'k3', 'k4', 'k5']
    const want = new Map(ids.map((id) => [id, [] as string[]]))
    let next = 0
    const write = async () => {
      for (let commit = 0; commit < 60; commit++) {
        const list = Array.from({ length: random.int(1, 5) }, () => {
          const [id, key, n] = [random.pick(ids), random.pick(keys), next++]
          want.get(id)!.push(`${key} ${n}`)
          return { type: 'thing.grew' as const, key, data: { id, n } }
        })
        await relay.cast.db.transaction().execute((trx) => relay.cast.append(trx, list))
        if (commit === 20) {
          const began = ids.map((id) => ({ type: 'thing.began' as const, key: `began ${id}`, data: { id } }))
          await relay.cast.db.transaction().execute((trx) => relay.cast.append(trx, began))
        }
      }
    }
    const work = async (isOver: () => boolean) => {
      while (!isOver()) {
        const { cast, things } = open()
        const ending = new AbortController()
        const done = cast.run({ roles: ['consume'], use: [things], signal: ending.signal })
        await new Promise((resolve) => setTimeout(resolve, random.int(50, 450)))
        ending.abort()
        await done
        await cast.close()
      }
    }
    let isOver = false
    const workers = [work(() => isOver), work(() => isOver)]
    await write()
    const seen = async () => {
      const rows = await database.sql.query<{ instance: string; seen: string[] }>(
        `select instance, (state -> 'seen')::jsonb as seen from commitcast.process_instance order by instance`,
      )
      return new Map(rows.map((row) => [row.instance, row.seen]))
    }
    const total = () => [...want.values()].flat().length
    await eventually(async () => expect([...(await seen()).values()].flat()).toHaveLength(total()), 60_000)
    isOver = true
    await Promise.all(workers)
    stopping.abort()
    await relaying
    for (const [id, list] of await seen()) {
      expect([...list].sort()).toEqual([...want.get(id)!].sort())
      for (const key of keys) {
        const of = (each: readonly string[]) => each.filter((entry) => entry.startsWith(`${key} `))
        expect(of(list)).toEqual(of(want.get(id)!))
      }
    }
    const told = await database.sql.query<{ n: number }>(
      `select (data ->> 'n')::int as n from commitcast.outbox where type = 'thing.seen' order by 1`,
    )
    expect(told.map(({ n }) => n)).toEqual(Array.from({ length: total() }, (_, n) => n))
    expect(await database.sql.query('select from commitcast.process_held')).toEqual([])
  },
)
