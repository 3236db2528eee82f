import type { TopicOptions } from '@commitcast/broker'
import type { Sql } from '@commitcast/worker'

/** The present incarnation of the app's topic: the same for its events and for what is made live of them. */
export type TopicShape = Required<Pick<TopicOptions, 'epoch' | 'partitions' | 'owner'>>

/** SQL for the columns of a `TopicShape`. */
export const topicColumns = `epoch, partitions, json_build_object('id', id, 'name', current_database())::text as owner`

export type TopicRow = Omit<TopicShape, 'owner'> & { readonly owner: string }

/** Reads the topic's epoch and partition count, which were fixed by `migrate`, and whose it is. */
export async function readTopic(sql: Sql, schema: string): Promise<TopicShape> {
  const [row] = await sql.query<TopicRow>(`select ${topicColumns} from ${schema}.topic`)
  if (!row) throw new Error(`${schema}.topic is empty: run the migration again.`)
  return toTopicShape(row)
}

export function toTopicShape({ epoch, partitions, owner }: TopicRow): TopicShape {
  return { epoch, partitions, owner: JSON.parse(owner) }
}
