import type { TopicOptions } from '../broker.ts'
import type { Query } from './postgres-query.ts'

/** Returns a function that creates the broker's tables where they are missing; once, unless that fails. */
export function createTables(query: Query, schema: string): () => Promise<void> {
  let creating: Promise<void> | undefined
  return () => {
    creating ??= query(tablesSql(schema))
      .then(() => {})
      .catch((error) => {
        creating = undefined
        throw error
      })
    return creating
  }
}

/** Whether a topic exists: it is its rows, so one without any does not. */
export async function topicExists(query: Query, schema: string, { name, epoch }: TopicOptions): Promise<boolean> {
  const table = await query<{ made: boolean }>('select to_regclass($1) is not null as made', [`${schema}.message`])
  if (!table.rows[0]?.made) return false
  const { rows } = await query<{ found: boolean }>(
    `select exists (select from ${schema}.message where topic = $1 and epoch = $2) as found`,
    [name, epoch],
  )
  return rows[0]?.found ?? false
}

function tablesSql(s: string): string {
  return `
    do $tables$ begin
    perform pg_advisory_xact_lock(hashtextextended('${s}', 0));
    -- IF NOT EXISTS would ask for the right to create even where nothing is created.
    if to_regnamespace('${s}') is null then create schema ${s}; end if;
    if to_regclass('${s}.message') is null then
      create table ${s}.message (
        topic text not null, epoch int not null, partition int not null, "offset" bigint not null,
        id text not null, type text not null, key text not null, time text not null, tx text not null,
        headers json not null, body text not null, stored_at timestamptz not null default clock_timestamp(),
        primary key (topic, epoch, partition, "offset"));
    end if;
    if to_regclass('${s}.owner') is null then
      create table ${s}.owner (topic text, epoch int, id text not null, name text not null, primary key (topic, epoch));
    end if;
    end $tables$`
}
