import type { Sql } from '@commitcast/worker'

/** The present incarnation of the app's topic: the same for its events and for what is made live of them. */
export interface TopicShape {
  readonly epoch: number
  readonly partitions: number
}

/** Reads the topic's epoch and partition count, which were fixed by `migrate`. */
export async function readTopic(sql: Sql, schema: string): Promise<TopicShape> {
  const [row] = await sql.query<TopicShape>(`select epoch, partitions from ${schema}.topic`)
  if (!row) throw new Error(`${schema}.topic is empty: run the migration again.`)
  return row
}
