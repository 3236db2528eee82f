import { givePages, readPages } from '@commitcast/outbox'
import { expect, test } from 'vitest'
import { freshDatabase } from '../fixtures/fresh-database.ts'

test('a page of large events is cut short, and the next ones go on where it ended', async () => {
  await using database = await freshDatabase({ partitions: 1 })
  const { sql } = database
  const leases = [{ partition: 0, term: 1n }]
  await sql.query(`insert into commitcast.lease values ('relay', 0, 'me', 1, 'infinity')`)
  // Random digits, so that they can't be packed: 15 events of 700,000 bytes.
  await sql.query(
    `select commitcast.append('thing.grew', 'k', json_build_object('n', n, 'text', (
       select string_agg(md5(n || ' ' || i), '') from generate_series(1, 21875) as i)))
     from generate_series(1, 15) as n`,
  )
  const pages = []
  for (;;) {
    const [page] = await givePages(sql, { schema: 'commitcast', leases, maxPage: 2_000 })
    if (!page) break
    pages.push(page.messages.map(({ offset, body }) => [offset, JSON.parse(body).n]))
  }
  expect(pages.length).toBeGreaterThan(1)
  expect(Math.max(...pages.map((page) => page.length))).toBeLessThan(15)
  const all = Array.from({ length: 15 }, (_, index) => [index + 1, index + 1])
  expect(pages.flat()).toEqual(all)
  const read = await readPages(sql, { schema: 'commitcast', epoch: 1, partition: 0, after: 0, maxPages: 100 })
  expect(read.flatMap((page) => page.messages.map(({ offset, body }) => [offset, JSON.parse(body).n]))).toEqual(all)
})
