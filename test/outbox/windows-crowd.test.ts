import { expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { createRandom, roundsOf } from '../fixtures/random.ts'
import { expectWhole, givenAgain } from './check-log.ts'
import { crowdTables, killOne, startCrowd } from './crowd.ts'
import { giveAll, leasesOf } from './old-days.ts'

const kills = 12

test.each(roundsOf(3))(
  'eight writers and three relays at once, their backends killed: nothing lost, doubled or out of order (round %i)',
  async () => {
    const random = createRandom()
    const context = `SEED=${random.seed}`
    await using database = await freshDatabase({ partitions: 3 })
    await database.sql.query(crowdTables)
    const leases = await leasesOf(database)
    const crowd = startCrowd({ pool: database.pool, random, leases })
    for (let kill = 0; kill < kills; kill++) {
      const before = crowd.pages.length
      await eventually(() => expect(crowd.pages.length).toBeGreaterThan(before + 5))
      await killOne(database.sql)
    }
    await crowd.stop()
    await giveAll(database, 100)
    await expectWhole(database.sql, { partitions: 3, context })
    await givenAgain(database.sql, crowd.pages, context)
  },
)
