import { type MemoryStorage, memoryBroker } from '@commitcast/broker/memory'
import { createDatabase, startPostgres } from '@commitcast/servers'
import { createCommitcast, defineEvents, stateType } from 'commitcast'
import { Kysely, PostgresDialect } from 'kysely'
import type pg from 'pg'
import { z } from 'zod'
import { median, pairedRatio, rounded } from '../figures.ts'
import type { BenchOptions } from '../main.ts'
import { openPool } from '../open-pool.ts'
import { handWritten, tables } from './hand-written.ts'

const events = defineEvents({
  'job.began': { data: z.object({ n: z.number() }) },
  'job.ended': { data: z.object({ n: z.number() }) },
  'job.noted': { data: z.object({ n: z.number() }) },
})

type Job = { readonly status: 'running'; readonly n: number } | { readonly status: 'done' }

/**
 * Transitions per second of one process manager on one partition, each of which changes a state, appends an event, and sets or
 * cancels a time-out, beside the same by hand: one transaction for each event, on one connection. In turns.
 */
export async function runProcessBench({ quick, rounds = quick ? 1 : 3, onLine }: BenchOptions) {
  const instances = quick ? 500 : 3_000
  await using postgres = await startPostgres()
  await using database = await createDatabase(postgres, 'bench')
  const pool = openPool(database.url, { max: 10 })
  const shop = await openJobs(pool, database.url)
  onLine(`${postgres.origin}; ${instances} instances with two events each, ${rounds} rounds`)
  try {
    await shop.fill(instances)
    const rates = { process: [] as number[], byHand: [] as number[] }
    for (let round = 0; round <= rounds; round++) {
      const seconds = {
        process: await shop.run(`jobs-${round}`, instances),
        byHand: await handWritten(pool, instances),
      }
      // The first round warms up.
      if (round === 0) continue
      for (const name of ['process', 'byHand'] as const) {
        rates[name].push((2 * instances) / seconds[name])
        onLine(`round ${round}, ${name}: ${Math.round(rates[name].at(-1)!)} transitions/s`)
      }
    }
    return {
      bench: 'process' as const,
      rows: (['process', 'byHand'] as const).map((name) => ({ name, perSecond: Math.round(median(rates[name])) })),
      ratios: { transitionsVsByHand: rounded(pairedRatio(rates.process, rates.byHand)) },
    }
  } finally {
    await shop.close()
    await pool.end()
  }
}

async function openJobs(pool: pg.Pool, url: string) {
  const db = new Kysely<Record<string, never>>({ dialect: new PostgresDialect({ pool }) })
  const storage: MemoryStorage = new Map()
  const cast = createCommitcast({ app: 'bench', events, db, broker: memoryBroker(storage), listenTo: url })
  await cast.migrate({ partitions: 1 })
  await pool.query(tables)
  const count = async (text: string, values: unknown[] = []) =>
    Number((await pool.query<{ count: string }>(text, values)).rows[0]!.count)
  const until = async (isDone: () => Promise<boolean>) => {
    while (!(await isDone())) await new Promise((resolve) => setTimeout(resolve, 10))
  }
  const define = (name: string) =>
    cast
      .process(name, {
        state: stateType<Job>(),
        instance: { 'job.began': ({ key }) => key, 'job.ended': ({ key }) => key },
        timeouts: ['patience'],
        ends: ['done'],
      })
      .transitions({
        none: {
          'job.began': ({ key, data: { n } }) => ({
            state: { status: 'running', n },
            append: { type: 'job.noted', key, data: { n } },
            timeouts: { patience: { afterMs: 3_600_000 } },
          }),
          'job.ended': 'hold',
        },
        running: {
          'job.began': 'ignore',
          'job.ended': ({ n }, { key }) => ({
            state: { status: 'done' },
            append: { type: 'job.noted', key, data: { n } },
          }),
          'timeout:patience': 'ignore',
        },
      })
  return {
    /** Appends the events and has a relay give them their offsets. */
    async fill(instances: number) {
      await pool.query(
        `select commitcast.append(type, 'job ' || n, json_build_object('n', n))
         from generate_series(1, $1::int) as n, unnest(array['job.began', 'job.ended']) as type`,
        [instances],
      )
      const stopping = new AbortController()
      const relay = cast.run({ roles: ['relay'], signal: stopping.signal })
      await until(
        async () => (await count('select coalesce(sum(count), 0) as count from commitcast.page')) >= 2 * instances,
      )
      stopping.abort()
      await relay
    },
    /** Runs a process from the first event on; returns the seconds until all of its instances are done. */
    async run(name: string, instances: number): Promise<number> {
      const stopping = new AbortController()
      const startedAt = performance.now()
      const running = cast.run({ roles: ['consume'], use: [define(name)], signal: stopping.signal })
      const done = 'select count(*) from commitcast.process_instance where process = $1 and finished_at is not null'
      await until(async () => (await count(done, [name])) === instances)
      const seconds = (performance.now() - startedAt) / 1_000
      stopping.abort()
      await running
      return seconds
    },
    async close() {
      await cast.close()
    },
  }
}
