import { hash, randomUUID } from 'node:crypto'
import type { CommittedEvent } from '@commitcast/events'
import type { Sql } from '@commitcast/worker'
import { appendNoted } from '../writer/append-noted.ts'
import { isCause } from './read-side-story.ts'

interface Chain {
  readonly key: string
  readonly count: number
  /** Number of the last event. */
  readonly n: number
  readonly chain: string
}

/**
 * The projection: each key's chain goes on with the events of a batch, which is a hash of all ids in their order, so that
 * what is missed, doubled or swapped shows for ever. Now and then it appends an event of its own, in the same transaction.
 */
export async function keepChains(given: readonly CommittedEvent[], trx: Sql): Promise<void> {
  const batch = given.filter(({ type }) => type.startsWith('thing.'))
  const keys = [...new Set(batch.map(({ key }) => key))]
  const rows = await trx.query<Chain>(
    'select key, count, n, chain from torture.chain where key = any($1) order by key for update',
    [keys],
  )
  const chains = new Map(rows.map((row) => [row.key, row]))
  for (const event of batch) chains.set(event.key, goOn(chains.get(event.key), event))
  await trx.query(
    `insert into torture.chain (key, count, n, chain)
     select key, count, n, chain from json_to_recordset($1::json) as c(key text, count int, n int, chain text)
     on conflict (key) do update set count = excluded.count, n = excluded.n, chain = excluded.chain`,
    [JSON.stringify([...chains.values()])],
  )
  await appendDerived(trx, batch)
}

function goOn(before: Chain | undefined, { id, key, data }: CommittedEvent): Chain {
  const { n } = data as { n: number }
  return { key, n, count: (before?.count ?? 0) + 1, chain: hash('md5', (before?.chain ?? '') + id) }
}

async function appendDerived(trx: Sql, batch: readonly CommittedEvent[]): Promise<void> {
  const derived = batch.flatMap(({ id: cause, type, key, data }) => {
    const { n } = data as { n: number }
    if (!isCause({ type, n })) return []
    return [{ id: randomUUID(), type: 'thing.derived', key: `again-${key}`, data: { n, cause } }]
  })
  if (derived.length === 0) return
  await appendNoted(trx, derived)
  await trx.query(
    `insert into torture.derived (cause, id)
     select (e -> 'data' ->> 'cause')::uuid, (e ->> 'id')::uuid from json_array_elements($1::json) as e`,
    [JSON.stringify(derived)],
  )
}
