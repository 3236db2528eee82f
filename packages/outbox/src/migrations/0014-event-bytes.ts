import type { Migration } from './migration.ts'

/**
 * How large each event is. A page is bounded by it: what Postgres stores is packed, and unpacking every event that might
 * belong to a page, only to measure it, would cost more than the page. An event of an earlier release has none and is measured.
 */
export const eventBytes: Migration = {
  version: 14,
  name: 'event bytes',
  sql: (s) => `
-- The octets of data and headers.
alter table ${s}.outbox add column bytes int;
-- Takes one argument more from now on, and early releases left no comment to know it by.
drop function if exists ${s}.read_pages(int, smallint, bigint, int);`,
}
