import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { partitions, payload, type } from '../sample-event.ts'

/** The outbox's columns in a plain table, with a primary key and one index. */
export const createPlainTable = `
  create table plain (
    tx xid8 not null default pg_current_xact_id(),
    position bigint generated always as identity primary key,
    partition smallint not null,
    id uuid not null,
    type text not null,
    key text not null,
    data json not null,
    headers json not null default '{}',
    occurred_at timestamptz not null default clock_timestamp()
  );
  create index plain_position on plain (partition, position)`

const insert = 'insert into plain (partition, id, type, key, data) values ($1, $2, $3, $4, $5)'
const data = JSON.parse(payload) as object

/** Inserts the row that `append` would. */
export function insertPlain(client: Pick<pg.Client, 'query'>, n: number, key: string): Promise<unknown> {
  return client.query(insert, [n % partitions, randomUUID(), type, key, JSON.stringify(data)])
}
