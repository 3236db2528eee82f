import { type Broker, endOf } from '@commitcast/broker'
import type { CommittedEvent } from '@commitcast/events'
import { bindApp, type KeyReader, readSkipped } from '@commitcast/outbox'
import {
  createLeases,
  type Logger,
  type Partitions,
  type Renewals,
  runPartitions,
  type Sql,
  timelineOf,
  unservedPartitions,
  warningLogger,
} from '@commitcast/worker'
import { readVerifiedEvents } from '../groups/read-verified-events.ts'
import { createTypeGuard, guardBatches } from '../groups/type-guard.ts'
import { beginLive } from './begin-live.ts'
import { type CarryOptions, carryBatches } from './carry-batches.ts'
import { createEnrichBatch } from './enrich-batch.ts'
import type { Enrichment } from './enrichment.ts'
import { createFailures } from './failures.ts'
import { finishPastEpochs } from './past-epochs.ts'

export interface EnrichmentOptions {
  readonly sql: Sql
  readonly broker: Broker
  /** The app's name: it reads `<app>-events` and writes `<app>-live`. */
  readonly app: string
  readonly schema: string
  readonly enrichment: Enrichment
  /** All event types of the catalogue. Without them an event of an unknown type goes to `channels` as any other. */
  readonly catalogTypes?: readonly string[]
  /** The application's own number of this release; a larger one is newer. */
  readonly release?: number | undefined
  /** Makes an event of an old schema version one of the present: a catalogue's `upcast`. Default: each stays as it is. */
  readonly upcast?: (event: CommittedEvent) => CommittedEvent
  /** Reads the keys of personal fields. Without it they are read as erased. */
  readonly keyReader?: KeyReader
  readonly signal: AbortSignal
  /** The most events in one look-up. Default 500. A batch is what is there: nothing waits for it to fill. */
  readonly maxBatch?: number
  /** How often, roughly, a quiet broker is asked whether it still has the newest live messages. Default 60,000. */
  readonly tailCheckMs?: number
  /** How long a dead worker's partitions stay with it. Default 3,500. */
  readonly leaseTtlMs?: number
  /** The process's own, which its groups share. Default: renews alone. */
  readonly renewals?: Renewals
  readonly logger?: Logger
}

/**
 * The stream worker's enrichment: for each event exactly one live message at the same partition and offset, with its
 * metadata and channels. Its progress is where the live topic ends, so nothing is lost or repeated by a crash or a
 * hand-over. Several workers share the partitions. An outage is waited out, and so is a look-up that works for nothing. A
 * new epoch of the topic takes the leases away, so that the work begins again: with what is left of the epochs before.
 * Its health counts what went out with less than it should have (`FailureCounts`).
 */
export function runEnrichment(options: EnrichmentOptions): Partitions {
  const {
    sql,
    broker,
    app,
    schema,
    signal,
    maxBatch = 500,
    tailCheckMs = 60_000,
    leaseTtlMs,
    renewals,
    catalogTypes: types,
    release,
    logger = warningLogger,
  } = options
  const shared = { ...(leaseTtlMs !== undefined && { ttlMs: leaseTtlMs }), ...(renewals && { renewals }) }
  const failures = createFailures(logger)
  const enrich = createEnrichBatch({ ...options, failures })
  const guard = types && createTypeGuard({ sql, schema, group: 'live', types, release, logger })
  const leases = createLeases({ sql, schema, group: 'live', ...shared, ...(guard && { release: guard.register }) })
  const guarded = (batches: CarryOptions['batches']): CarryOptions['batches'] =>
    guard ? (signal) => guardBatches(batches(signal), guard, leases) : batches
  const partitions = runPartitions({
    leases,
    signal,
    logger,
    about: { group: 'live' },
    unserved: () => unservedPartitions(sql, { schema, group: 'live' }),
    async work({ partition, server }, signal, report) {
      const shape = await bindApp(sql, schema, app)
      const skipped = await readSkipped(sql, schema)
      const carrying = { partition, timeline: timelineOf(server), skipped, enrich, failures, report, signal }
      await finishPastEpochs({
        ...{ sql, schema, broker, app, partition, signal, logger, ...shape },
        present: shape.epoch,
        maxBatch,
        carry: (target, after, batches) => carryBatches({ ...carrying, target, after, batches: guarded(batches) }),
      })
      const topic = await broker.topic({ name: `${app}-events`, ...shape })
      const target = await broker.topic({ name: `${app}-live`, ...shape })
      const after = await beginLive({ sql, schema, topic, target, partition, logger })
      const reading = { sql, schema, topic, partition, server, after, maxBatch, waits: report.waits }
      if ((await endOf(topic, partition)) <= after) report.progressed()
      const batches = (signal: AbortSignal) => readVerifiedEvents({ ...reading, signal })
      await carryBatches({ ...carrying, target, after, batches: guarded(batches), tailCheckMs })
    },
  })
  return { ...partitions, health: () => ({ ...partitions.health(), ...failures.counts }) }
}
