import { CommitcastError } from '@commitcast/events'
import type { Sql } from '@commitcast/worker'
import { type TopicRow, type TopicShape, topicColumns, toTopicShape } from './read-topic.ts'

/** The tables belong to another app: its events and this app's would be taken for each other's. Nothing was changed. */
export class OtherApp extends CommitcastError {
  override readonly name = 'OtherApp'
  readonly code = 'OTHER_APP'

  constructor({ schema, bound, app }: { readonly schema: string; readonly bound: string; readonly app: string }) {
    super(
      `The tables in schema "${schema}" belong to the app "${bound}"; this process is the app "${app}". ` +
        `Give "${app}" a schema of its own, or "app" the name "${bound}".`,
    )
  }
}

/**
 * Reads the topic's epoch and partition count, and binds the tables to `app` where no app has used them yet. Throws `OtherApp`
 * where they belong to another one.
 */
export async function bindApp(sql: Sql, schema: string, app: string): Promise<TopicShape> {
  const [row] = await sql.query<TopicRow & { bound: string }>(
    `select ${topicColumns}, ${schema}.bind_app($1) as bound from ${schema}.topic`,
    [app],
  )
  if (!row) throw new Error(`${schema}.topic is empty: run the migration again.`)
  const { bound } = row
  if (bound !== app) throw new OtherApp({ schema, bound, app })
  return toTopicShape(row)
}

/**
 * Throws `OtherApp` where the tables belong to another app. It binds nothing, and fails in no transaction whose tables are of
 * an earlier release.
 */
export async function checkApp(sql: Sql, schema: string, app: string): Promise<void> {
  const [row] = await sql.query<{ bound: string | null }>(
    `select to_jsonb(topic) ->> 'app' as bound from ${schema}.topic`,
  )
  const { bound = null } = row ?? {}
  if (bound !== null && bound !== app) throw new OtherApp({ schema, bound, app })
}
