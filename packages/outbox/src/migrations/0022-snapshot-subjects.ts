import type { Migration } from './migration.ts'

/** Whose personal fields a snapshot holds in clear: an erasure deletes it. */
export const snapshotSubjects: Migration = {
  version: 22,
  name: 'snapshot subjects',
  sql: (s) => `
-- Null where there are none.
alter table ${s}.aggregate_snapshot add column subjects text[];
create index aggregate_snapshot_subjects on ${s}.aggregate_snapshot using gin (subjects) where subjects is not null;`,
}
