import { startNats, startPostgres } from '@commitcast/servers'
import { startChild } from '../child/start-child.ts'
import { percentile, rounded } from '../figures.ts'
import { countingSettings, openStatementCounter } from '../idle/statements.ts'
import type { BenchOptions } from '../main.ts'
import { type Outbox, openOutbox } from '../open-outbox.ts'
import { poll } from '../poll.ts'
import type { RelayConfig } from '../relay-process.ts'
import { keyOfN, type } from '../sample-event.ts'
import { openOldTransaction } from './old-transaction.ts'

const perSecond = 100
const patienceMs = 120_000

/**
 * How long after their times scheduled events are appended, by the database's clock: 100 a second, with 1,000,000 that are due in a
 * year, while an old transaction keeps the rows of those that fired. Then those of an outage, all overdue. Then what the waiting rows
 * cost while nothing is due.
 */
export async function runScheduleBench({ quick, events, onLine }: BenchOptions) {
  const waiting = events ?? (quick ? 10_000 : 1_000_000)
  const seconds = quick ? 3 : 20
  const overdue = quick ? 5_000 : 100_000
  await using postgres = await startPostgres({ settings: { ...countingSettings, autovacuum: 'on' } })
  await using nats = await startNats()
  await using counter = await openStatementCounter(postgres)
  await using outbox = await openOutbox(postgres)
  onLine(`${postgres.origin}; ${nats.origin}; ${waiting} events wait`)
  await seedFar(outbox, waiting)
  const config: RelayConfig = { databaseUrl: outbox.url, natsUrl: nats.url, app: 'schedule' }
  await using relay = startChild('relay-process.ts', config)
  await outbox.untilAsleep(0)
  await using _old = await openOldTransaction(outbox)

  onLine(`${perSecond} a second are due, for ${seconds} s`)
  const due = perSecond * seconds
  await scheduleMany(outbox, 'due', due, `clock_timestamp() + interval '3 s' + n * interval '${1_000 / perSecond} ms'`)
  await untilAppended(outbox, due)
  const late = await latenesses(outbox)

  onLine(`${overdue} overdue after an outage`)
  relay.pause()
  await scheduleMany(outbox, 'overdue', overdue, 'clock_timestamp()')
  const startedAt = performance.now()
  relay.resume()
  await untilAppended(outbox, due + overdue)
  const overduePerSecond = overdue / ((performance.now() - startedAt) / 1_000)

  await outbox.untilAsleep(due + overdue)
  const usage = await counter.watch(outbox.url, quick ? 4 : 20)
  const looks = usage.statements.filter(({ text }) => text.includes('late_ms'))
  const idleQueriesPerSecond = rounded(looks.reduce((sum, look) => sum + look.perSecond, 0))
  const { firedTwice, missed } = await check(outbox, due + overdue)
  return {
    bench: 'schedule' as const,
    rows: [
      {
        name: `${perSecond}/s due`,
        events: due,
        leastMs: rounded(Math.min(...late)),
        mostMs: rounded(Math.max(...late)),
      },
    ],
    latenessMs: { p50: rounded(percentile(late, 50)), p99: rounded(percentile(late, 99)) },
    idleQueriesPerSecond,
    overduePerSecond: Math.round(overduePerSecond),
    firedTwice,
    missed,
  }
}

/** What waits and is not due, as `schedule` leaves it. */
async function seedFar({ pool }: Outbox, count: number): Promise<void> {
  await pool.query(
    `insert into commitcast.scheduled_event (name, at, id, type, key, data, bytes)
     select 'far/' || n, clock_timestamp() + interval '1 year' + n * interval '1 s', gen_random_uuid(), '${type}', ${keyOfN},
       json_build_object('note', repeat('x', 230)), 250
     from generate_series(1, ${count}) as n`,
  )
  await pool.query('vacuum analyze')
}

/** 10,000 in a transaction, named after `prefix`. `at` is SQL over `n`. */
async function scheduleMany({ pool }: Outbox, prefix: string, count: number, at: string): Promise<void> {
  const size = 10_000
  for (let from = 1; from <= count; from += size) {
    const to = Math.min(count, from + size - 1)
    await pool.query(
      `select commitcast.schedule('${prefix}/' || n, due, '${type}', ${keyOfN}, json_build_object('due', due, 'note', repeat('x', 230)))
       from generate_series(${from}, ${to}) as n cross join lateral (select ${at} as due) as times`,
    )
  }
}

async function untilAppended(outbox: Outbox, count: number): Promise<void> {
  await poll(() => countAppended(outbox), {
    isDone: (appended) => appended >= count,
    everyMs: 50,
    patienceMs,
    late: (appended) => `${appended} of ${count} events were appended.`,
  })
}

async function countAppended({ pool }: Outbox): Promise<number> {
  const { rows } = await pool.query<{ count: string }>('select count(*) as count from commitcast.outbox')
  return Number(rows[0]?.count)
}

async function latenesses({ pool }: Outbox): Promise<number[]> {
  const { rows } = await pool.query<{ late: number }>(
    `select (extract(epoch from occurred_at - (data->>'due')::timestamptz) * 1000)::float8 as late from commitcast.outbox`,
  )
  return rows.map(({ late }) => late)
}

async function check({ pool }: Outbox, expected: number): Promise<{ firedTwice: number; missed: number }> {
  const { rows } = await pool.query<{ events: string; ids: string }>(
    'select count(*) as events, count(distinct id) as ids from commitcast.outbox',
  )
  const [events, ids] = [Number(rows[0]?.events), Number(rows[0]?.ids)]
  return { firedTwice: events - ids, missed: expected - ids }
}
