import type { Migration } from './migration.ts'

/** When parked events are tried again. */
export const retries: Migration = {
  version: 9,
  name: 'retries',
  sql: (s) => `
alter table ${s}.parked
  -- When it is tried again; null where it waits for an operator, or behind another of its key.
  add column retry_at timestamptz,
  -- Since when it fails; null for one that was never tried.
  add column failing_since timestamptz;`,
}
