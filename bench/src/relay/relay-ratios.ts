import { type Figures, median, pairedRatios } from '../figures.ts'

/** Commitcast over the others, round by round. A ratio is missing where one of its rows was not run. */
export function relayRatios(rates: Figures): Readonly<Record<string, number>> {
  return pairedRatios(rates, {
    ofRawLimit: ['commitcast', rawLimit(rates)],
    vsNaive: ['commitcast', 'naive'],
    vsNaiveAll: ['commitcast', 'naive-all'],
    vsPgTransactionalOutbox: ['commitcast', 'pg-transactional-outbox'],
    vsPgTransactionalOutboxReplication: ['commitcast', 'pg-transactional-outbox-replication'],
    vsGraphileWorker: ['commitcast', 'graphile-worker'],
    backlogFlatness: ['backlog', 'commitcast'],
    retainedFlatness: ['retained', 'commitcast'],
    underIdleTransaction: ['idle-transaction', 'commitcast'],
    postgresBrokerVsNats: ['postgres-broker', 'commitcast'],
  })
}

/** Of the three window sizes the one with the best median. */
function rawLimit(rates: Figures): string {
  const raw = [...rates].filter(([name]) => name.startsWith('raw-'))
  return raw.sort(([, a], [, b]) => median(b) - median(a))[0]?.[0] ?? ''
}
