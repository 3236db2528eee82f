import type { Migration } from './migration.ts'

/** Each worker says how long its leases outlive a renewal of its row in `member`, so that an idle one writes no other. */
export const memberTtl: Migration = {
  version: 13,
  name: 'member ttl',
  sql: (s) => `
-- Null of workers of earlier releases.
alter table ${s}.member add column ttl_ms int;`,
}
