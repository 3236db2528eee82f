import type { Migration } from './migration.ts'

/** The keys that personal fields are encrypted with, one for each subject. One that is erased stays, without its key. */
export const subjectKeys: Migration = {
  version: 21,
  name: 'subject keys',
  sql: (s) => `
create table ${s}.subject_key (
  subject text primary key,
  -- As the key provider wrapped it; null once it is erased.
  wrapped bytea,
  created_at timestamptz not null default clock_timestamp(),
  erased_at timestamptz,
  -- The transaction that erased it: hubs look for those that a snapshot did not show yet.
  erased_tx xid8,
  check ((wrapped is null) = (erased_at is not null) and (erased_at is null) = (erased_tx is null))
);
create index subject_key_erased_tx on ${s}.subject_key (erased_tx) where erased_tx is not null;`,
}
