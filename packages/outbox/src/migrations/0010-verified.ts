import type { Migration } from './migration.ts'

/**
 * How far the broker holds what the page log assigned, and where an epoch that has ended ended. The newest row of a partition
 * in `verified` counts: a relay inserts one each time that it has compared, and writes its token on every message that it
 * appends from then on. So a reader knows a verified message by its offset or its token, and asks only about another token.
 */
export const verified: Migration = {
  version: 10,
  name: 'verified',
  sql: (s) => `
create table ${s}.verified (
  epoch int not null,
  partition smallint not null,
  number bigint generated always as identity (cache 1),
  -- The last offset that was compared and found to be ours.
  up_to bigint not null check (up_to >= 0),
  -- Null where another program's message follows: the partition has diverged.
  token text,
  -- The server on which it was compared.
  server text not null,
  verified_at timestamptz not null default clock_timestamp(),
  primary key (epoch, partition, number)
);

create table ${s}.epoch_end (
  epoch int not null,
  partition smallint not null,
  -- The last one that counts. What was assigned behind it was assigned again, in the next epoch.
  "offset" bigint not null check ("offset" >= 0),
  primary key (epoch, partition)
);`,
}
