import { type KyselyLike, sqlOf } from '@commitcast/outbox'
import type { ProjectionOptions } from '@commitcast/stream'
import { expect } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { openCounters } from './open-counters.ts'

export const schema = 'commitcast'

/** One key's total, and the generation of the code that made the row and kept it up. */
export interface Total {
  readonly key: string
  readonly n: number
  readonly sum: number
  readonly generation: number
}

interface TotalsOptions<TCast> {
  /** Runs first in each transaction. */
  readonly enter?: (trx: object) => Promise<void>
  /** On another pool. */
  readonly on?: TCast
}

/** Counters with a read model, of which there are generations of code, each telling every event that it counted. */
export async function openTotals(options: Parameters<typeof openCounters>[0] = {}) {
  const counters = await openCounters(options)
  const { sql, cast } = counters
  await sql.query(
    'create table total (key text primary key, n int not null, sum int not null, generation int not null)',
  )
  const totals = async (from = sql) =>
    from.query<Total>('select key, n, sum, generation from total order by key collate "C"')
  return {
    ...counters,
    totals,
    /** A generation of the code. */
    totalsOf(generation: number, { enter, on = cast, ...more }: ProjectionOptions & TotalsOptions<typeof cast> = {}) {
      return on.projection(
        'totals',
        async (batch, trx) => {
          await enter?.(trx)
          const grown = batch.filter((event) => event.type === 'count.grown')
          await addUp(trx, grown, generation)
          const told = grown.map(({ key, data: { n } }) => ({ type: 'count.told' as const, key, data: { n } }))
          await on.append(trx, told)
        },
        { tables: ['total'], maxBatch: 20, ...more },
      )
    },
    /** Waits until all rows are as one run of a generation over all events makes them. */
    async areFresh(generation: number) {
      const want = await sql.query<Total>(
        `select key, max((data ->> 'n')::int) as n, sum((data ->> 'n')::int)::int as sum, $1::int as generation
         from ${schema}.outbox where type = 'count.grown' group by key order by key collate "C"`,
        [generation],
      )
      await eventually(async () => expect(await totals()).toEqual(want))
    },
    /** Waits until each event was told, and sees that none was told twice. */
    async areToldOnce() {
      const count = async (type: string) =>
        sql.query(
          `select key, data ->> 'n' as n, count(*)::int as times from ${schema}.outbox where type = $1 group by 1, 2 order by 1, 2`,
          [type],
        )
      const grown = await count('count.grown')
      await eventually(async () => expect(await count('count.told')).toEqual(grown))
    },
    /** Waits until nothing is left of a rebuild. */
    async hasSwitched() {
      await eventually(async () => expect(await remains(sql)).toEqual([]))
    },
  }
}

/** What is there of any rebuild. */
export async function remains(sql: { query<T>(text: string): Promise<T[]> }): Promise<string[]> {
  const rows = await sql.query<{ name: string }>(
    `select group_name as name from ${schema}.rebuild
     union all select distinct group_name from ${schema}.group_offset where group_name like '%~%'
     union all select distinct group_name from ${schema}.lease where group_name like '%~%'
     union all select nspname from pg_namespace where nspname like '%rebuild%'`,
  )
  return rows.map(({ name }) => name)
}

async function addUp(trx: KyselyLike, grown: readonly { key: string; data: { n: number } }[], generation: number) {
  for (const { key, data } of grown) {
    await sqlOf(trx).query(
      `insert into total (key, n, sum, generation) values ($1, $2, $2, $3)
       on conflict (key) do update set n = excluded.n, sum = total.sum + excluded.n`,
      [key, data.n, generation],
    )
  }
}
