import type { Migration } from './migration.ts'

/** Events that an operator told readers to step over. */
export const steppedOver: Migration = {
  version: 12,
  name: 'stepped over',
  sql: (s) => `
create table ${s}.stepped_over (
  id uuid primary key,
  stepped_at timestamptz not null default clock_timestamp()
);`,
}
