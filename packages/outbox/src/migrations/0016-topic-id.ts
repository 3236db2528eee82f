import type { Migration } from './migration.ts'

/**
 * Identifies the present incarnation of the topic, whatever database has the same app elsewhere: its logs on the broker are
 * bound to it. A new epoch draws another one, since it may be that of a copy.
 */
export const topicId: Migration = {
  version: 16,
  name: 'topic id',
  sql: (s) => `
alter table ${s}.topic add column id uuid not null default gen_random_uuid();`,
}
