import { assignOffsets, readPages } from '@commitcast/outbox'
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
    const [page] = await assignOffsets(sql, { schema: 'commitcast', leases, maxPage: 2_000 })
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

test('a page and what is read of it are bounded by what the events hold unpacked, also those of an earlier release', async () => {
  await using database = await freshDatabase({ partitions: 1 })
  const { sql } = database
  const leases = [{ partition: 0, term: 1n }]
  await sql.query(`insert into commitcast.lease values ('relay', 0, 'me', 1, 'infinity')`)
  const append = () =>
    sql.query(`select commitcast.append('thing.grew', 'k', to_json(repeat('x', 400000))) from generate_series(1, 20)`)
  await append()
  // As a row of an earlier release is.
  await sql.query(`alter table commitcast.outbox disable trigger outbox_append_only`)
  await sql.query(`update commitcast.outbox set bytes = null`)
  await sql.query(`alter table commitcast.outbox enable trigger outbox_append_only`)
  await append()
  const pages = []
  for (;;) {
    const [page] = await assignOffsets(sql, { schema: 'commitcast', leases, maxPage: 1_000 })
    if (!page) break
    pages.push({ count: page.messages.length, isCut: page.isCut })
  }
  expect(pages).toEqual([...Array(7).fill({ count: 5, isCut: true }), { count: 5, isCut: false }])
  const of = { schema: 'commitcast', epoch: 1, partition: 0 }
  const pieces = []
  for (let after = 0; after < 40; after += pieces.at(-1)!) {
    const [piece] = await readPages(sql, { ...of, after, maxBytes: 700_000 })
    expect(piece!.firstOffset).toBe(after + 1)
    pieces.push(piece!.messages.length)
  }
  expect(new Set(pieces)).toEqual(new Set([1, 2]))
})
