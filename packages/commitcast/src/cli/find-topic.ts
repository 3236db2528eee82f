import { readTopic, type TopicShape } from '@commitcast/outbox'
import type { Sql } from '@commitcast/worker'

/** The topic's epoch and partitions, or `undefined` where the tables have not been made. */
export async function findTopic(sql: Sql, schema: string): Promise<TopicShape | undefined> {
  const [row] = await sql.query<{ made: boolean }>('select to_regclass($1) is not null as made', [`${schema}.topic`])
  return row?.made ? await readTopic(sql, schema) : undefined
}
