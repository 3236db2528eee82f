import { sleep } from '@commitcast/worker'
import { describe, expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import type { RelayConfig } from '../fixtures/relay-main.ts'
import { type RelayProcess, startRelayProcess } from '../fixtures/relay-process.ts'
import type { Database } from './old-days.ts'

const partitions = 8
const all = Array.from({ length: partitions }, (_, partition) => partition)

describe('relays that come and go', () => {
  test.each([
    ['is killed', (relay: RelayProcess) => relay.kill()],
    // As from another machine: nobody can see whether its process lives, its lease has to run out.
    ['freezes', async (relay: RelayProcess) => relay.pause()],
  ])('one that %s is replaced by the other, and all is carried once', async (_, end) => {
    await using shop = await openShop()
    await using first = shop.start()
    await shop.owns(first, all)
    await using second = shop.start()
    await shop.owns(second, all.slice(4))
    await shop.write(50)
    await end(first)
    await shop.owns(second, all)
    await shop.write(50)
    await shop.isCarried()
  })

  test('one that is asked to stop hands its partitions over before it ends', async () => {
    await using shop = await openShop({ leaseTtlMs: 600_000 })
    await using first = shop.start()
    await shop.owns(first, all)
    await shop.write(50)
    expect(await first.stop()).toBe(0)
    expect(await shop.owned()).toEqual(new Map())
    await using second = shop.start()
    await shop.owns(second, all)
    await shop.write(50)
    await shop.isCarried()
  })

  test('one that stops tells the others, who need not wait for their next renewal', async () => {
    // The next renewal is longer away than this test waits.
    await using shop = await openShop({ leaseTtlMs: 600_000 })
    await using first = shop.start()
    await shop.owns(first, all)
    await using second = shop.start()
    await eventually(async () => expect(await shop.members()).toBe(2))
    await first.stop()
    await shop.owns(second, all)
  })

  test('three share eight partitions fairly, and two when one is gone; all is carried once', async () => {
    await using shop = await openShop({ leaseTtlMs: 1_500 })
    await using one = shop.start()
    await shop.owns(one, all)
    await using writing = shop.keepWriting()
    await using two = shop.start()
    await using three = shop.start()
    await shop.shares([one, two, three], [2, 3, 3])
    await three.kill()
    await shop.shares([one, two], [4, 4])
    await using four = shop.start()
    await shop.shares([one, two, four], [2, 3, 3])
    await two.stop()
    await shop.shares([one, four], [4, 4])
    await writing.stop()
    await shop.isCarried()
  })

  test('one that was frozen past its lease and wakes gives nothing any more', async () => {
    await using shop = await openShop({ leaseTtlMs: 800, maxPage: 20 })
    await using first = shop.start()
    await shop.owns(first, all)
    await using writing = shop.keepWriting()
    await using second = shop.start()
    let [frozen, awake] = [first, second]
    for (let round = 0; round < 2; round++) {
      await shop.owns(awake, all.slice(4))
      frozen.pause()
      await shop.owns(awake, all)
      const before = await shop.given()
      await eventually(async () => expect(await shop.given()).toBeGreaterThan(before + 50))
      frozen.resume()
      ;[frozen, awake] = [awake, frozen]
    }
    await writing.stop()
    await shop.isCarried()
    // A page of an older term behind one of a newer term would be one that a relay gave without the right to.
    const zombies = await shop.sql.query(
      `select from (select term, max(term) over (partition by partition order by first_offset) as newest
         from commitcast.page) as page where term < newest`,
    )
    expect(zombies).toEqual([])
  })
})

/** A database with events, whose broker it is, too. */
async function openShop(options: Omit<RelayConfig, 'url' | 'app'> = {}) {
  const database = await freshDatabase({ partitions })
  const { sql } = database
  const owned = async () => {
    const rows = await sql.query<{ pid: number; partitions: number[] }>(
      `select split_part(owner, '/', 2)::int as pid, array_agg(partition::int order by partition) as partitions
       from commitcast.lease join commitcast.active_members('relay') as member using (group_name, owner) group by owner`,
    )
    return new Map(rows.map((row) => [row.pid, row.partitions]))
  }
  const write = (count: number) =>
    sql.query(`select commitcast.append('a', 'k' || n, '0') from generate_series(1, $1::int) as n`, [count])
  return {
    ...database,
    owned,
    members: () => count(database, `select count(*) from commitcast.member where group_name = 'relay'`),
    write,
    start: () => startRelayProcess({ url: database.url, app: 'shop', ...options }),
    /** Waits until it owns these, and whatever else. */
    owns: (relay: RelayProcess, some: readonly number[], ms?: number) =>
      eventually(async () => expect((await owned()).get(relay.pid)).toEqual(expect.arrayContaining([...some])), ms),
    shares: (relays: readonly RelayProcess[], sizes: readonly number[]) =>
      eventually(async () => {
        const now = await owned()
        expect(relays.map((relay) => now.get(relay.pid)?.length ?? 0).sort()).toEqual(sizes)
        expect([...now.values()].flat().sort()).toEqual(all)
      }),
    given: () => count(database, 'select coalesce(sum(count), 0) from commitcast.page'),
    keepWriting() {
      let stopped = false
      const loop = (async () => {
        for (; !stopped; await sleep(5)) await write(5)
      })()
      const stop = async () => {
        stopped = true
        await loop
      }
      return { stop, [Symbol.asyncDispose]: stop }
    },
    /** Every event is on the broker once, at the offset that the page log gave it, without holes. */
    async isCarried() {
      const written = await count(database, 'select count(*) from commitcast.outbox')
      const stored = 'select count(*) from commitcast_broker.message'
      await eventually(async () => expect(await count(database, stored)).toBe(written))
      const asGiven = `select count(distinct given.id) from generate_series(0, ${partitions - 1}) as p
        cross join lateral commitcast.read_pages(1, p::smallint, 0, 1000000) as given
        join commitcast_broker.message as stored
          on stored.partition = p and stored."offset" = given."offset" and stored.id = given.id`
      expect(await count(database, asGiven)).toBe(written)
    },
  }
}

async function count({ sql }: Pick<Database, 'sql'>, query: string): Promise<number> {
  const [row] = await sql.query<Record<string, string>>(query)
  return Number(Object.values(row!)[0])
}
