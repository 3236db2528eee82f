import type { Migration } from './migration.ts'

/**
 * Which cluster and database an epoch of the topic was made on: where the transaction ids in the tables come from. `topic`
 * remembers those of the present epoch. `home` is a materialized view of the same that is never refreshed: a copy file by
 * file (a base backup, a fail-over, pg_upgrade) brings it along as it was, but pg_restore computes it anew when all rows are
 * there. So, where `topic` differs from the server, it tells a restored dump, whose ids mean nothing here, from an upgrade,
 * whose ids go on; and it holds the highest position that came with the dump.
 */
export const epochs: Migration = {
  version: 4,
  name: 'epochs',
  sql: (s) => `
alter table ${s}.topic add system_identifier bigint, add database oid,
  -- Positions up to here are from before a restore: the transaction ids of these events mean nothing here.
  add restored_up_to bigint not null default 0;
update ${s}.topic set (system_identifier, database) = (select here.system_identifier, here.database from ${s}.here() as here);

create materialized view ${s}.home as
  select here.system_identifier, here.database, (select max(position) from ${s}.outbox) as position from ${s}.here() as here;
`,
}
