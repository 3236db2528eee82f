import type { Owner, TopicOptions } from '../broker.ts'
import { checkOwner } from '../check-owner.ts'
import type { Query } from './postgres-query.ts'

/** Binds a topic to its owner where nothing of it is there, and throws `TopicMismatch` where it belongs to another one. */
export async function bindTopic(query: Query, schema: string, topic: TopicOptions): Promise<void> {
  const { name, epoch, owner } = topic
  if (!owner) return
  const found = await selectOwner(query, schema, topic)
  if (found) return checkOwner(topic, found)
  // One that holds messages and has no owner was made by an earlier release.
  await query(
    `insert into ${schema}.owner (topic, epoch, id, name)
     select $1, $2, $3, $4 where not exists (select from ${schema}.message where topic = $1 and epoch = $2)
     on conflict do nothing`,
    [name, epoch, owner.id, owner.name],
  )
  checkOwner(topic, await selectOwner(query, schema, topic))
}

/** The owner of a topic, also where an earlier release made the tables: this creates nothing. */
export async function readOwner(query: Query, schema: string, topic: TopicOptions): Promise<Owner | undefined> {
  if (!topic.owner) return undefined
  const { rows } = await query<{ made: boolean }>('select to_regclass($1) is not null as made', [`${schema}.owner`])
  return rows[0]?.made ? selectOwner(query, schema, topic) : undefined
}

async function selectOwner(query: Query, schema: string, { name, epoch }: TopicOptions): Promise<Owner | undefined> {
  const { rows } = await query<{ id: string; name: string }>(
    `select id, name from ${schema}.owner where topic = $1 and epoch = $2`,
    [name, epoch],
  )
  return rows[0]
}
