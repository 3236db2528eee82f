import type { Server } from '@commitcast/servers'
import { openStatementCounter } from '../idle/statements.ts'
import type { Backlog } from './backlog.ts'

/** Settings of a server that can count statements, and does where a database asks for it: it would cost most who sends most. */
export const countableSettings = {
  shared_preload_libraries: 'pg_stat_statements',
  'pg_stat_statements.track': 'none',
} as const

/** How many look-ups of customers and books connections send that are opened while `act` runs. */
export async function countLookUps(
  { postgres, backlog: { outbox } }: { readonly postgres: Server; readonly backlog: Backlog },
  act: () => Promise<unknown>,
): Promise<number> {
  await using counter = await openStatementCounter(postgres)
  const track = (what: string) =>
    outbox.pool.query(`do $$ begin
      execute format('alter database %I set pg_stat_statements.track = ${what}', current_database());
    end $$`)
  await track('top')
  const counted = await counter.count(outbox.url, / from (customer|book) where /, act)
  await track('none')
  if (counted === 0)
    throw new Error(`${postgres.origin} counted no look-up at all: set pg_stat_statements.track to top.`)
  return counted
}
