import { migrate, sqlOf } from '@commitcast/outbox'
import type { Server } from '@commitcast/servers'
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'

/** What every contender finds: `events` committed events, each in a transaction of its own, none of them carried yet. */
export interface Backlog {
  /** A database with its own copy of the backlog. */
  clone(): Promise<AsyncDisposable & { readonly url: string; readonly pool: pg.Pool }>
}

export const payload = JSON.stringify({ customerId: 'c-1', note: 'x'.repeat(260) })
export const keys = 500
export const partitions = 8

/** Seeds a template database once; clones are file copies on the same server, so transaction ids stay true. */
export async function seedBacklog(server: Server, name: string, events: number): Promise<Backlog> {
  const admin = new pg.Pool({ connectionString: server.url, max: 2 })
  admin.on('error', () => {})
  await admin.query(`create database ${name}`)
  const url = withDatabase(server.url, name)
  const pool = new pg.Pool({ connectionString: url, max: 2 })
  pool.on('error', () => {})
  const db = new Kysely<Record<string, never>>({ dialect: new PostgresDialect({ pool }) })
  await migrate(sqlOf(db), { partitions })
  await pool.query(`create table plain_outbox (id bigint generated always as identity primary key, event_id uuid not null
    default gen_random_uuid(), type text not null, key text not null, data json not null, created_at timestamptz default now())`)
  await pool.query('set synchronous_commit = off')
  await pool.query(`do $$ begin
    for n in 1..${events} loop
      perform commitcast.append('order.placed', 'key-' || n % ${keys}, '${payload}');
      commit;
    end loop;
  end $$`)
  await pool.query(`insert into plain_outbox (type, key, data)
    select 'order.placed', 'key-' || n % ${keys}, '${payload}' from generate_series(1, ${events}) n`)
  await pool.query('vacuum analyze')
  await db.destroy()
  let clones = 0
  return {
    async clone() {
      const copy = `${name}_${++clones}`
      await admin.query(`create database ${copy} template ${name}`)
      await admin.query('checkpoint')
      const copyUrl = withDatabase(server.url, copy)
      const copyPool = new pg.Pool({ connectionString: copyUrl, max: 16 })
      copyPool.on('error', () => {})
      return {
        url: copyUrl,
        pool: copyPool,
        async [Symbol.asyncDispose]() {
          await copyPool.end()
          await admin.query(`drop database ${copy} with (force)`)
        },
      }
    },
  }
}

function withDatabase(url: string, name: string): string {
  const changed = new URL(url)
  changed.pathname = `/${name}`
  return changed.href
}
