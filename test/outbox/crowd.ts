import { assignOffsets, type Page } from '@commitcast/outbox'
import type { Lease, Sql } from '@commitcast/worker'
import type pg from 'pg'
import type { Random } from '../fixtures/random.ts'
import { onClient, schema } from './old-days.ts'

/** Few, so that writers meet. */
const keys = Array.from({ length: 6 }, (_, n) => `k${n}`)

export const crowdTables = `create table thing as select key, 0 as n from unnest('{${keys}}'::text[]) as key`

export interface CrowdOptions {
  readonly pool: pg.Pool
  readonly random: Random
  readonly leases: readonly Lease[]
}

/**
 * Writers and relays that all go at once, each on its own connection, until stopped or their server dies. A writer counts
 * the key's row up and appends the count in the same transaction: so a key's events have to be 1, 2, 3 … in the log.
 */
export function startCrowd({ pool, random, leases }: CrowdOptions, { writers = 8, relays = 3 } = {}) {
  let stopped = false
  const pages: Page[] = []
  const repeat = async (act: (client: pg.PoolClient) => Promise<unknown>) => {
    while (!stopped) {
      let isBroken = true
      const client = await pool.connect().catch(() => undefined)
      if (!client) return
      try {
        await act(client)
        isBroken = false
      } catch (error) {
        if (!isExpected(error)) throw error
      } finally {
        client.release(isBroken)
      }
    }
  }
  const loops = [
    ...Array.from({ length: writers }, () => repeat((client) => write(client, random))),
    ...Array.from({ length: relays }, () =>
      repeat(async (client) => {
        const given = await assignOffsets(onClient(client), { schema, leases, maxPage: random.int(1, 40) })
        // Sometimes the reply is lost.
        if (random.chance(0.8)) pages.push(...given)
      }),
    ),
  ]
  const ended = Promise.all(loops)
  ended.catch(() => {})
  return {
    /** The pages whose replies arrived. */
    pages,
    async stop() {
      stopped = true
      await ended
    },
  }
}

async function write(client: pg.PoolClient, random: Random): Promise<void> {
  const mine = keys.filter(() => random.chance(0.25))
  await client.query('begin')
  if (random.chance(0.3)) await client.query('select pg_current_xact_id()')
  for (const key of mine) {
    const { rows } = await client.query<{ n: number }>('update thing set n = n + 1 where key = $1 returning n', [key])
    if (random.chance(0.1)) await client.query('savepoint here')
    await client.query(`select commitcast.append('thing.done', $1, $2)`, [key, { n: rows[0]!.n }])
    if (random.chance(0.1)) await new Promise((resolve) => setTimeout(resolve, random.int(1, 10)))
  }
  await client.query(random.chance(0.85) ? 'commit' : 'rollback')
}

/** Kills the backend of a relay or writer that is at work. */
export async function killOne(sql: Sql): Promise<void> {
  await sql.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and pid <> pg_backend_pid() and query ~ 'assign_offsets|append|thing'
     order by random() limit 1`,
  )
}

/** Given by somebody else first, its backend was killed, or the whole server. */
function isExpected(error: unknown): boolean {
  const { code, message } = error as { readonly code?: string; readonly message: string }
  return (
    code === '23505' ||
    code === '57P01' ||
    code === '57P02' ||
    code?.startsWith('ECONN') === true ||
    /Connection terminated|not queryable|timeout/.test(message)
  )
}
