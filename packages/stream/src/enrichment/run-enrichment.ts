import type { Broker, Message, Topic } from '@commitcast/broker'
import { readTopic } from '@commitcast/outbox'
import { createLeases, type Logger, type Partitions, runPartitions, type Sql, silentLogger } from '@commitcast/worker'
import { enrichBatch } from './enrich-batch.ts'
import type { Enrichment } from './enrichment.ts'
import { finishPastEpochs } from './past-epochs.ts'

export interface EnrichmentOptions {
  readonly sql: Sql
  readonly broker: Broker
  /** The app's name: it reads `<app>-events` and writes `<app>-live`. */
  readonly app: string
  readonly schema: string
  readonly enrichment: Enrichment
  readonly signal: AbortSignal
  /** The most events in one look-up. Default 500. A batch is what is there: nothing waits for it to fill. */
  readonly maxBatch?: number
  readonly logger?: Logger
}

/**
 * The stream worker's enrichment: for each event exactly one live message at the same partition and offset, with its
 * metadata and channels. Its progress is where the live topic ends, so nothing is lost or repeated by a crash or a
 * hand-over. Several workers share the partitions. A look-up that fails is waited out. A new epoch of the topic takes the
 * leases away, so that the work begins again: with what is left of the epochs before.
 */
export function runEnrichment(options: EnrichmentOptions): Partitions {
  const { sql, broker, app, schema, signal, maxBatch = 500, logger = silentLogger } = options
  return runPartitions({
    leases: createLeases({ sql, schema, group: 'live' }),
    signal,
    logger,
    async work({ partition }, signal) {
      const inBatches = async (target: Topic, after: number, events: readonly Message[]) => {
        for (let from = 0; from < events.length; from += maxBatch) {
          const batch = events.slice(from, from + maxBatch)
          await carry({ ...options, target, partition, signal }, after + from, batch)
        }
      }
      const shape = await readTopic(sql, schema)
      await finishPastEpochs({
        ...options,
        logger,
        ...shape,
        present: shape.epoch,
        partition,
        signal,
        carry: inBatches,
      })
      const source = await broker.topic({ name: `${app}-events`, ...shape })
      const target = await broker.topic({ name: `${app}-live`, ...shape })
      await enrichPartition({ ...options, source, target, partition, signal })
    },
  })
}

interface Partition extends EnrichmentOptions {
  readonly source: Topic
  readonly target: Topic
  readonly partition: number
}

async function enrichPartition(options: Partition) {
  const { source, target, partition, signal, maxBatch = 500 } = options
  let after = (await target.last(partition))?.offset ?? 0
  for await (const batch of source.read(partition, after, { signal, maxBatch })) {
    await carry(options, after, batch)
    if (signal.aborted) return
    after += batch.length
  }
}

async function carry(
  { target, partition, enrichment, signal }: Omit<Partition, 'source'>,
  after: number,
  batch: readonly Message[],
): Promise<void> {
  const messages = await enrichBatch(batch, { epoch: target.epoch, partition, enrichment })
  if (!signal.aborted) await target.append(partition, after, messages)
}
