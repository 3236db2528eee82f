import { assignOffsets, migrate, retireEvents } from '@commitcast/outbox'
import type pg from 'pg'
import { describe, expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { createRandom } from '../fixtures/random.ts'
import {
  all,
  attachDay,
  begin,
  dyingAfter,
  giveAll,
  insertAt,
  leasesOf,
  leavesLeft,
  oldDays,
  onNewConnections,
  pages,
  schema,
  segmentOf,
  write,
} from './old-days.ts'

const patienceMs = 300

describe('retention among accidents', () => {
  test('many at once are harmless', async () => {
    await using database = await oldDays([12, 11, 10, 9])
    for (const day of [12, 11, 10, 9]) await write(database, day, 10)
    await giveAll(database, 3)
    const results = await Promise.all([1, 2, 3, 4].map(() => retireEvents(database.sql, { storedUpTo: all })))
    for (const { waiting } of results)
      for (const { because } of waiting) expect(because).toMatch(/Another call|Detaching|Closing|Dropping/)
    await retireEvents(database.sql, { storedUpTo: all })
    expect(await leavesLeft(database)).toEqual([])
    expect(await pages(database)).toEqual(['40'])
  })

  test('a process killed between any two steps: the next call goes on', async () => {
    await using database = await oldDays([])
    let isThrough = false
    for (let steps = 1; !isThrough; steps++) {
      await attachDay(database, 9)
      await write(database, 9, 2)
      await giveAll(database, 1)
      const { dying, died } = dyingAfter(database.sql, steps)
      await retireEvents(dying, { storedUpTo: all }).catch(died)
      isThrough = (await leavesLeft(database)).length === 0
      await retireEvents(database.sql, { storedUpTo: all })
      expect(await leavesLeft(database), `after ${steps} steps`).toEqual([])
      expect(await pages(database)).toHaveLength(1)
      expect(steps).toBeLessThan(50)
    }
  })

  test('a backend killed while it waits: the next call goes on', async () => {
    await using database = await oldDays([10, 9])
    await write(database, 9, 3)
    await giveAll(database, 1)
    await using reader = await begin(database, '', 'select count(*) from commitcast.outbox')
    const act = retireEvents(onNewConnections(database.url), { storedUpTo: all })
    const killed = expect(act).rejects.toThrow(/terminat/)
    await eventually(async () => {
      const rows = await database.sql.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and query ~ '^/. retention' and wait_event_type = 'Lock'`,
      )
      expect(rows).toHaveLength(1)
    })
    await killed
    const again = await retireEvents(database.sql, { storedUpTo: all, patienceMs })
    expect(again.waiting.map((one) => one.segment)).toEqual([segmentOf(10), segmentOf(9)])
    await write(database, 0, 1)
    await migrate(database.sql, { partitions: 1 })
    await reader.commit()
    expect((await retireEvents(database.sql, { storedUpTo: all })).segments).toEqual([segmentOf(10), segmentOf(9)])
    expect(await giveAll(database, 10)).toHaveLength(1)
  })

  test.each([1, 2, 3, 4])(
    'random writers to old days, small pages, a slow broker: nothing not given goes (run %i)',
    async () => {
      const random = createRandom()
      const days = [14, 13, 12, 11, 10, 9]
      await using database = await oldDays(days, 2)
      const leases = await leasesOf(database)
      const written = new Set<string>()
      const offered: string[] = []
      const ends = [0, 0]
      const open: { client: pg.PoolClient; ids: string[] }[] = []
      const give = async (maxPage: number) => {
        const got = await assignOffsets(database.sql, { schema, leases, maxPage })
        for (const page of got) {
          offered.push(...page.messages.map((message) => message.id))
          ends[page.partition] = page.firstOffset + page.messages.length - 1
        }
        return got.length
      }
      const retire = (storedUpTo: (partition: number) => number) =>
        retireEvents(database.sql, { storedUpTo: async (p) => storedUpTo(p), patienceMs: 30, pageBatch: 2 })
      let refused = 0
      const end = async ({ client, ids }: { client: pg.PoolClient; ids: string[] }) => {
        const commits = random.chance(0.7)
        const { command } = await client.query(commits ? 'commit' : 'rollback')
        if (command === 'COMMIT') for (const id of ids) written.add(id)
        client.release()
      }
      let dropped = 0
      for (let step = 0; step < 160; step++) {
        const dice = random.next()
        if (open.length === 0 || (dice < 0.2 && open.length < 6)) {
          const client = await database.pool.connect()
          await client.query(random.chance(0.2) ? 'begin isolation level repeatable read' : 'begin')
          if (random.chance(0.5)) await client.query('select pg_current_xact_id()')
          open.push({ client, ids: [] })
        } else if (dice < 0.55) {
          const writer = random.pick(open)
          const id = crypto.randomUUID()
          const day = random.chance(0.6) ? random.pick(days) : 0
          await writer.client.query(insertAt(day, `'${id}'`, `'${random.pick(['a', 'b', 'c', 'd'])}'`)).then(
            () => writer.ids.push(id),
            () => refused++,
          )
        } else if (dice < 0.75) {
          const [writer] = open.splice(random.int(0, open.length - 1), 1)
          await end(writer!)
        } else if (dice < 0.95) await give(random.int(1, 4))
        else dropped += (await retire((p) => random.int(Math.max(0, ends[p]! - 4), ends[p]!))).segments.length
      }
      for (const writer of open) await end(writer)
      while ((await give(3)) > 0);
      dropped += (await retire((p) => ends[p]!)).segments.length
      const context = `SEED=${random.seed}, ${dropped} days, ${refused} refused`
      expect(dropped, context).toBe(days.length)
      expect(offered.sort(), context).toEqual([...written].sort())
    },
  )
})
