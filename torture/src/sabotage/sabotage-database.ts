import type { Sql } from '@commitcast/worker'
import type { Sabotage } from '../options.ts'

type Change = readonly [from: string, to: string]

/** What each sabotage changes in the function that gives pages. */
const changes: Partial<Record<Sabotage, readonly Change[]>> = {
  'no-fencing': [
    [' AND lease.term = held.term', ''],
    [' and lease.term = held.term', ''],
  ],
  'position-cursor': [
    [`coalesce(newest.to_snapshot, '1:1:') end as from_snapshot`, `'1:1:' end as from_snapshot`],
    [`coalesce(newest.to_next, '1') end as from_next`, `'1' end as from_next`],
  ],
  'async-page-commit': [[`'synchronous_commit', 'on'`, `'synchronous_commit', 'off'`]],
}

/** Settings of a server that is to show what a sabotage does. */
export function sabotageSettings(sabotage: Sabotage): Readonly<Record<string, string>> {
  if (sabotage !== 'async-page-commit') return {}
  return { synchronous_commit: 'off', wal_writer_delay: '10s', wal_writer_flush_after: '1GB' }
}

/** Switches a mechanism off in this database. Throws where the function is not what it was when this was written. */
export async function sabotageDatabase(sql: Sql, sabotage: Sabotage): Promise<void> {
  const wanted = changes[sabotage]
  if (wanted === undefined) return
  const [found] = await sql.query<{ text: string }>(
    `select pg_get_functiondef('commitcast.give_pages(smallint[], bigint[], int, timestamptz)'::regprocedure) as text`,
  )
  const before = found?.text ?? ''
  const after = wanted.reduce((text, [from, to]) => text.replaceAll(from, to), before)
  if (after === before) throw new Error(`${sabotage} finds nothing to switch off in give_pages: mend the torture.`)
  await sql.query(after)
}
