import { readOffsetsBefore } from '@commitcast/outbox'
import { expect, test } from 'vitest'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { createRandom } from '../fixtures/random.ts'

const schema = 'commitcast'
const minuteMs = 60_000

test('the last offsets that were assigned before a moment are those that a look at every page finds', async () => {
  const random = createRandom()
  await using database = await freshDatabase({ partitions: 3 })
  // One partition has none, and one no longer has its oldest.
  for (const [partition, first, pages] of [
    [0, 1, 40],
    [1, 500, 17],
  ] as const) {
    let offset = first
    for (let minute = 1; minute <= pages; minute++) {
      const count = random.int(1, 30)
      await database.sql.query(
        `insert into ${schema}.page (epoch, partition, first_offset, count, term, from_snapshot, from_next, to_snapshot, to_next,
           floor, after_position, last_position, window_done, assigned_at)
         values (1, $1, $2, $3, 1, '1:1:', '1', '2:2:', '2', 0, 0, 1, true, 'epoch'::timestamptz + make_interval(mins => $4))`,
        [partition, offset, count, minute],
      )
      offset += count
    }
  }
  for (let minute = 0; minute <= 42; minute++) {
    const moment = new Date(minute * minuteMs + 1)
    const rows = await database.sql.query<{ last: number }>(
      `select coalesce(max(first_offset + count - 1) filter (where assigned_at < $1::text::timestamptz), min(first_offset) - 1, 0)::int as last
       from generate_series(0, 2) as number left join ${schema}.page on partition = number group by number order by number`,
      [moment.toISOString()],
    )
    const found = await readOffsetsBefore(database.sql, schema, { epoch: 1, moment })
    expect(found, `SEED=${random.seed} minute ${minute}`).toEqual(rows.map(({ last }) => last))
  }
})
