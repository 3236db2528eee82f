import type { Broker, Message, Topic } from '@commitcast/broker'
import { decodeEvent, encodeLiveMessage } from '@commitcast/events'
import { readTopic } from '@commitcast/outbox'
import { createLeases, type Logger, type Partitions, runPartitions, type Sql, silentLogger } from '@commitcast/worker'
import { type Enrichment, lookUp } from './enrichment.ts'

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
 * hand-over. Several workers share the partitions. A look-up that fails is waited out.
 */
export function runEnrichment(options: EnrichmentOptions): Partitions {
  const { sql, broker, app, schema, signal, logger = silentLogger } = options
  return runPartitions({
    leases: createLeases({ sql, schema, group: 'live' }),
    signal,
    logger,
    async work({ partition }, signal) {
      const shape = await readTopic(sql, schema)
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

async function enrichPartition({ source, target, partition, signal, enrichment, maxBatch = 500 }: Partition) {
  let after = (await target.last(partition))?.offset ?? 0
  for await (const batch of source.read(partition, after, { signal, maxBatch })) {
    const messages = await enrichBatch(batch, { epoch: source.epoch, partition, enrichment })
    if (signal.aborted) return
    await target.append(partition, after, messages)
    after += messages.length
  }
}

async function enrichBatch(
  batch: readonly Message[],
  { enrichment, ...place }: { epoch: number; partition: number; enrichment: Enrichment },
): Promise<Message[]> {
  const events = batch.map((message) => decodeEvent(message, place))
  const metadata = await lookUp(events, enrichment)
  return batch.map((message, index) =>
    encodeLiveMessage(message, { metadata: metadata[index]!, channels: enrichment.channels(events[index]!) }),
  )
}
