import type { Migration } from './migration.ts'

/** Which app the tables belong to: the first that uses them, with this release or a later one. */
export const app: Migration = {
  version: 15,
  name: 'app',
  sql: (s) => `
alter table ${s}.topic add column app text;`,
}
