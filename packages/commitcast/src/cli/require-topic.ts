import type { TopicShape } from '@commitcast/outbox'
import type { Sql } from '@commitcast/worker'
import { CommandFailed } from './explain-failure.ts'
import { findTopic } from './find-topic.ts'

/** The topic's epoch and partitions. Throws `CommandFailed` where the tables have not been made. */
export async function requireTopic(sql: Sql, schema: string): Promise<TopicShape> {
  const topic = await findTopic(sql, schema)
  if (topic) return topic
  throw new CommandFailed(
    `There are no tables in schema "${schema}" of this database: run "commitcast migrate", or name another schema with --schema.`,
  )
}
