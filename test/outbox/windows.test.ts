import { isVisible, type Message, parseSnapshot } from '@commitcast/events'
import { readPages, readShown, type Shown } from '@commitcast/outbox'
import type { Sql } from '@commitcast/worker'
import { expect, test } from 'vitest'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { createRandom, type Random, roundsOf } from '../fixtures/random.ts'
import { begin, elsewhere, schema } from './old-days.ts'
import { playStory, type Story } from './windows-story.ts'

const partitions = 2

test.each(roundsOf(8))(
  'whatever transactions and relays do, every committed event gets one offset, without holes, in order per key (round %i)',
  async () => {
    const random = createRandom()
    const context = `SEED=${random.seed}`
    await using database = await freshDatabase({ partitions })
    await database.sql.query(`create table thing as select key, 0 as n from unnest('{a,b,c,d}'::text[]) as key`)
    await using _idle = await begin(database, 'repeatable read', 'select 1')
    await using _writer = await begin(database, 'repeatable read', `select commitcast.append('late', 'a', '0')`)
    await using _other = await elsewhere('select pg_current_xact_id()')
    const shown = createShownTales(database.sql, random)
    const story = await playStory(database, random, { steps: 140, look: shown.look }).catch((error) => {
      throw new Error(`${context}: ${error}`, { cause: error })
    })
    const offsets = new Map<string, number>()
    for (let partition = 0; partition < partitions; partition++) {
      const of = { schema, epoch: 1, partition, after: 0, maxPages: 10_000 }
      const log = (await readPages(database.sql, of)).flatMap((page) => page.messages)
      expect(
        log.map((message) => message.offset),
        context,
      ).toEqual(log.map((_, index) => index + 1))
      for (const page of story.pages.filter((page) => page.partition === partition)) {
        const from = page.firstOffset - 1
        expect(log.slice(from, from + page.messages.length), context).toEqual(page.messages)
      }
      for (const message of log) offsets.set(message.id, message.offset)
      shown.expectNoneBehind(partition, log, context)
    }
    const committed = story.committed.map((event) => event.id)
    expect([...offsets.keys()].sort(), context).toEqual(committed.sort())
    expectOrder(story, offsets, context)
  },
)

/** Snapshots that were taken at some steps, and at later ones asked what they show. */
function createShownTales(sql: Sql, random: Random) {
  const snapshots: string[] = []
  const tales: Shown[] = []
  return {
    async look() {
      const [row] = await sql.query<{ snapshot: string }>('select pg_current_snapshot()::text as snapshot')
      snapshots.push(row!.snapshot)
      if (random.chance(0.5)) tales.push(await readShown(sql, schema, random.pick(snapshots.slice(-8))))
    },
    /** No event behind the offset that was told is one that the snapshot shows. */
    expectNoneBehind(partition: number, log: readonly Message[], context: string) {
      const told = tales.filter(({ offsets }) => offsets[partition] !== null)
      expect(told.length, context).toBeGreaterThan(0)
      for (const { snapshot, offsets } of told) {
        const behind = log.filter(({ offset }) => offset > offsets[partition]!)
        const seen = behind.filter(({ tx }) => isVisible(BigInt(tx), parseSnapshot(snapshot)!))
        expect(seen, `${context}: ${snapshot}`).toEqual([])
      }
    },
  }
}

/** P3, and a little more than it asks: under repeatable read the snapshot is older than the statement. */
function expectOrder({ committed }: Story, offsets: ReadonlyMap<string, number>, context: string): void {
  for (const a of committed) {
    for (const b of committed) {
      if (a.key !== b.key || a.transaction === b.transaction) continue
      const version = a.transaction.versions.get(a.key)
      const hadCommitted = a.transaction.committedAt! < b.at
      const heldItsRow = version !== undefined && b.version !== undefined && version < b.version
      if (!hadCommitted && !heldItsRow) continue
      expect(offsets.get(a.id), `${context}: ${a.id} before ${b.id}`).toBeLessThan(offsets.get(b.id)!)
    }
  }
}
