import { startNats, startPostgres } from '@commitcast/servers'
import { startChild } from '../child/start-child.ts'
import { median, pairedRatio, rounded } from '../figures.ts'
import type { BenchOptions } from '../main.ts'
import { openOutbox } from '../open-outbox.ts'
import type { RelayConfig } from '../relay-process.ts'
import { createPlainTable } from './plain-table.ts'
import { createSlices } from './slices.ts'

const connections = 16

/**
 * One-row transactions on 16 connections: into a plain table, by `append` while the relay is awake, and while it sleeps.
 * In short slices that take turns, with a relay beside in a process of its own. A burst wakes it, and with writers as fast as
 * these it stays awake; for the slices asleep it is frozen while it sleeps, so that they find what a burst's first moments find.
 */
export async function runAppendBench({ quick, rounds = quick ? 1 : 12, onLine }: BenchOptions) {
  const sliceMs = quick ? 500 : 2_000
  await using postgres = await startPostgres()
  await using nats = await startNats()
  await using outbox = await openOutbox(postgres)
  const config: RelayConfig = { databaseUrl: outbox.url, natsUrl: nats.url, app: 'bench' }
  await using relay = startChild('relay-process.ts', config)
  onLine(`${postgres.origin}; ${nats.origin}; ${connections} connections, ${rounds} rounds of ${sliceMs} ms each`)
  await outbox.pool.query(createPlainTable)
  const clients = await Promise.all(Array.from({ length: connections }, () => outbox.pool.connect()))
  try {
    const slices = createSlices({ outbox, relay, clients, sliceMs })
    const names = ['awake', 'plain', 'alone', 'asleep'] as const
    const rates = { plain: [] as number[], awake: [] as number[], alone: [] as number[], asleep: [] as number[] }
    for (const name of names) await slices[name]()
    for (let round = 0; round < rounds; round++) {
      for (const name of round % 2 === 0 ? names : names.toReversed()) {
        rates[name].push(await slices[name]())
        onLine(`round ${round + 1}, ${name}: ${Math.round(rates[name].at(-1)!)}/s`)
      }
    }
    return {
      bench: 'append' as const,
      rows: [
        { name: 'plain', transactionsPerSecond: Math.round(median(rates.plain)) },
        { name: 'append, relay awake', transactionsPerSecond: Math.round(median(rates.awake)) },
        { name: 'append, relay frozen awake', transactionsPerSecond: Math.round(median(rates.alone)) },
        { name: 'append, relay frozen asleep', transactionsPerSecond: Math.round(median(rates.asleep)) },
      ],
      ratios: {
        ofPlainTransactions: rounded(pairedRatio(rates.awake, rates.plain)),
        ofPlainTransactionsAlone: rounded(pairedRatio(rates.alone, rates.plain)),
        ofPlainTransactionsAsleep: rounded(pairedRatio(rates.asleep, rates.plain)),
      },
    }
  } finally {
    for (const client of clients) client.release()
  }
}
