import { type Page, readPages } from '@commitcast/outbox'
import type { Sql } from '@commitcast/worker'
import { expect } from 'vitest'
import { schema } from './old-days.ts'

/** A page's events read again are those that it was given with. */
export async function givenAgain(sql: Sql, pages: readonly Page[], context: string): Promise<void> {
  const logs = new Map<number, Awaited<ReturnType<typeof readLog>>>()
  for (const { partition, firstOffset, messages } of pages) {
    const log = logs.get(partition) ?? (await readLog(sql, partition))
    logs.set(partition, log)
    expect(log.slice(firstOffset - 1, firstOffset - 1 + messages.length), context).toEqual(messages)
  }
}

/** Everything in the outbox has one offset, offsets have no holes, and each key's counts go 1, 2, 3 … */
export async function expectWhole(
  sql: Sql,
  { partitions, context }: { partitions: number; context: string },
): Promise<void> {
  const ids: string[] = []
  const counts = new Map<string, number[]>()
  for (let partition = 0; partition < partitions; partition++) {
    const log = await readLog(sql, partition)
    expect(
      log.map((message) => message.offset),
      context,
    ).toEqual(log.map((_, index) => index + 1))
    for (const { id, key, body } of log) {
      ids.push(id)
      counts.set(key, [...(counts.get(key) ?? []), JSON.parse(body).n])
    }
  }
  const outbox = await sql.query<{ id: string }>('select id from commitcast.outbox order by id')
  expect(ids.sort(), context).toEqual(outbox.map((row) => row.id))
  const rows = await sql.query<{ key: string; n: number }>('select key, n from thing where n > 0')
  for (const { key, n } of rows)
    expect(counts.get(key), `${context}, ${key}`).toEqual(Array.from({ length: n }, (_, i) => i + 1))
}

async function readLog(sql: Sql, partition: number) {
  const pages = await readPages(sql, { schema, epoch: 1, partition, after: 0, maxPages: 1_000_000 })
  return pages.flatMap((page) => page.messages)
}
