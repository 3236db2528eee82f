import { CommitcastError } from '@commitcast/events'
import { type Refilled, refillPartition, type TopicShape } from '@commitcast/outbox'
import type { Sql } from '@commitcast/worker'
import { CommandFailed } from './explain-failure.ts'
import { openBroker } from './open-broker.ts'

export interface Refilling {
  readonly database: string
  readonly nats?: string
  readonly schema: string
  readonly topic: TopicShape & { readonly name: string }
  /** One partition; all where it is undefined. */
  readonly only: number | undefined
}

/** Refills one partition after the other; one that can't be refilled does not keep the others from it. */
export async function refillTopic(sql: Sql, { database, nats, schema, topic, only }: Refilling) {
  const broker = await openBroker({ database, nats })
  try {
    const found = await broker.find(topic).catch(toFailure)
    if (!found) {
      throw new CommandFailed(
        `Nothing of ${topic.name}, epoch ${topic.epoch}, is on the broker. Is --app right? A relay makes what is missing.`,
      )
    }
    const partitions: Refilled[] = []
    const troubles: string[] = []
    for (let partition = only ?? 0; partition <= (only ?? topic.partitions - 1); partition++) {
      await refillPartition(sql, { schema, topic: found, partition })
        .catch(toFailure)
        .then(
          (refilled) => partitions.push(refilled),
          (error: unknown) => {
            if (!(error instanceof CommandFailed)) throw error
            troubles.push(`Partition ${partition}: ${error.message}`)
          },
        )
    }
    return { partitions, troubles }
  } finally {
    await broker.close()
  }
}

/** What the broker or the outbox says in its own words; a mistake of ours is none. */
function toFailure(error: unknown): never {
  throw error instanceof CommitcastError ? new CommandFailed(error.message) : error
}

/** The same for people, a line for each partition. */
export function refilledText({ partition, given, appended, first, behind }: Refilled): string {
  const what = appended === 0 ? 'nothing was missing' : `${appended} messages appended`
  const beginning = first > 1 ? ` The broker has it from offset ${first} on.` : ''
  const rest = behind === undefined ? '' : ` The ${behind} behind it are not of this epoch.`
  return `Partition ${partition}: ${what}, up to offset ${given}.${beginning}${rest}\n`
}
