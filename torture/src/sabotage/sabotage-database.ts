import type { Sql } from '@commitcast/worker'
import type { Sabotage } from '../options.ts'

type Change = readonly [from: string, to: string]

interface Rewriting {
  /** The function that is rewritten. */
  readonly name: string
  readonly changes: readonly Change[]
}

const assignOffsets = 'commitcast.assign_offsets(smallint[], bigint[], int, timestamptz)'
const commitOffset = 'commitcast.commit_offset(text, smallint, bigint, text, bigint, int, bigint, int, bigint)'
const serverIdentity = 'commitcast.server_identity()'
const holdLease = 'commitcast.hold_lease(text, smallint, bigint)'

/** What each sabotage changes in the database's functions. */
const rewritings: Partial<Record<Sabotage, readonly Rewriting[]>> = {
  'no-fencing': [
    {
      name: assignOffsets,
      changes: [
        [' AND lease.term = held.term', ''],
        [' and lease.term = held.term', ''],
      ],
    },
  ],
  'position-cursor': [
    {
      name: assignOffsets,
      changes: [
        [`coalesce(newest.to_snapshot, '1:1:') end as from_snapshot`, `'1:1:' end as from_snapshot`],
        [`coalesce(newest.to_next, '1') end as from_next`, `'1' end as from_next`],
      ],
    },
  ],
  'async-page-commit': [
    {
      name: assignOffsets,
      changes: [[`'synchronous_commit', 'on'`, `'synchronous_commit', 'off'`]],
    },
  ],
  // Workers also begin anew where the server's identity changes, as it does by a restart.
  'offset-not-compared': [
    {
      name: commitOffset,
      changes: [
        [
          'if (newest.number, newest.epoch, newest."offset") is distinct',
          'if false and (newest.number, newest.epoch, newest."offset") is distinct',
        ],
      ],
    },
    { name: serverIdentity, changes: [['extract(epoch from pg_postmaster_start_time())::text', `'the same server'`]] },
  ],
  'no-term-check': [{ name: holdLease, changes: [[' and term = of_term', '']] }],
}

/** Settings of a server that is to show what a sabotage does. */
export function sabotageSettings(sabotage: Sabotage): Readonly<Record<string, string>> {
  if (sabotage !== 'async-page-commit') return {}
  return { synchronous_commit: 'off' }
}

/** Switches a mechanism off in this database. Throws where a function is not what it was when this was written. */
export async function sabotageDatabase(sql: Sql, sabotage: Sabotage): Promise<void> {
  for (const rewriting of rewritings[sabotage] ?? []) await rewrite(sql, sabotage, rewriting)
}

async function rewrite(sql: Sql, sabotage: Sabotage, { name, changes }: Rewriting): Promise<void> {
  const [found] = await sql.query<{ text: string }>('select pg_get_functiondef($1::regprocedure) as text', [name])
  const before = found?.text ?? ''
  const after = changes.reduce((text, [from, to]) => text.replaceAll(from, to), before)
  if (after === before) throw new Error(`${sabotage} finds nothing to switch off in ${name}: mend the torture.`)
  await sql.query(after)
}
