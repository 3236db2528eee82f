import type { SqlFunction } from './sql-function.ts'

export const uuidV7: SqlFunction = {
  signature: 'uuid_v7()',
  sql: (s) => `
-- A UUIDv7 (RFC 9562): milliseconds since 1970, then random bits.
create or replace function ${s}.uuid_v7() returns uuid language sql volatile as $$
  select encode(
    set_bit(set_bit(
      overlay(uuid_send(gen_random_uuid())
        placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6),
      52, 1), 53, 1),
    'hex')::uuid
$$;`,
}
