import type { Migration } from './migration.ts'

/** What commands were answered, by idempotency key: whoever inserts a key is the one who does the work. */
export const answers: Migration = {
  version: 7,
  name: 'answers',
  sql: (s) => `
create table ${s}.answer (
  key text primary key,
  -- The command's id: the causation id of the events that it led to.
  id text not null,
  -- The event that led to the command.
  caused_by text,
  -- Of what was asked; null where nobody said.
  fingerprint text,
  -- Null only in the transaction that is making it.
  answer text,
  made_at timestamptz not null default clock_timestamp()
);
create index answer_made_at on ${s}.answer (made_at);
create index answer_id on ${s}.answer (id);`,
}
