import type { Broker, Topic } from '@commitcast/broker'
import type { Bell, Logger, OutageLog, Sql } from '@commitcast/worker'
import { checkEpoch } from '../epoch/epoch-end.ts'
import { startPartitionRelay } from './partition-relay.ts'
import type { RelayState } from './relay-state.ts'

export interface AdoptOptions {
  readonly sql: Sql
  readonly broker: Broker
  readonly schema: string
  readonly topic: Topic
  /** The database's server, as it was before anything was asked of the broker. */
  readonly server: string
  /** Rung when a partition has room again, or something else to look at. */
  readonly bell: Bell
  readonly logger: Logger
  readonly outages: OutageLog
  readonly lostTailMs?: number
}

/**
 * Brings what runs in line with the leases. Throws `EpochEnded` where those that are new may be of another epoch, and the
 * error of a partition that found the database server started anew.
 */
export async function adopt(options: AdoptOptions, state: RelayState): Promise<void> {
  const { sql, broker, schema, topic, server, bell, logger, outages, lostTailMs = 10_000 } = options
  const { name, epoch, partitions, owner } = topic
  // Each epoch has an owner of its own.
  const shape = { name, epoch, partitions, ...(owner && { owner }) }
  const terms = new Map(state.held.map((lease) => [lease.partition, lease.term]))
  for (const [partition, { term, relay }] of state.partitions) {
    // Pages are assigned only where there is room, so no other statement may notice it.
    if (relay.restart !== undefined) throw relay.restart
    if (terms.get(partition) === term) continue
    state.partitions.delete(partition)
    await relay.stop()
  }
  const isNew = [...terms.keys()].some((partition) => !state.partitions.has(partition))
  // A new epoch takes all leases away, so a relay that has one of another term may be in it.
  if (isNew) await checkEpoch(sql, { schema, epoch: topic.epoch })
  for (const [partition, term] of terms) {
    if (state.partitions.has(partition)) continue
    const of = {
      sql,
      schema,
      topic,
      partition,
      term,
      server,
      logger,
      outages,
      acknowledged: state.acknowledged,
      lostTailMs,
      findEpoch: (epoch: number) => broker.find({ name, epoch, partitions }),
      reopen: () => broker.topic(shape),
      brokerLog: state.brokerLog,
      onChange: bell.ring,
    }
    state.partitions.set(partition, { term, relay: startPartitionRelay(of) })
  }
}
