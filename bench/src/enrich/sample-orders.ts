import { defineEvents } from '@commitcast/events'
import { createAppend } from '@commitcast/outbox'
import type pg from 'pg'
import { z } from 'zod'
import { keyOfN, keys, type } from '../sample-event.ts'

/** The catalogue of what is enriched: an order that names a customer and a book. */
export const orderEvents = defineEvents({
  [type]: { data: z.object({ customerId: z.string(), bookId: z.string(), note: z.string() }) },
})

/** `append` for orders. */
export const appendOrder = createAppend(orderEvents)

/** An order's data. */
export interface Order {
  readonly customerId: string
  readonly bookId: string
  readonly note: string
}

// Primes, so that neither goes with the keys, and a batch of one partition hardly names anybody twice.
const customers = 4_999
const books = 997
const note = 'x'.repeat(240)

/** The `n`-th order, about 300 bytes of JSON, by one of the first `buyers` customers. Default: of all. */
export function nthOrder(n: number, buyers = customers) {
  return {
    type,
    key: `key-${n % keys}`,
    data: { customerId: `c-${n % buyers}`, bookId: `b-${n % books}`, note },
  } as const
}

/** The statement that appends the `n`-th order in SQL. */
export const appendNthOrder = `perform commitcast.append('${type}', ${keyOfN},
  ('{"customerId":"c-' || n % ${customers} || '","bookId":"b-' || n % ${books} || '","note":"${note}"}')::json)`

/** Makes what orders are enriched with: a table of customers and one of books. */
export async function createShop(pool: pg.Pool): Promise<void> {
  await pool.query(`
    create table customer (id text primary key, name text not null, city text not null);
    create table book (id text primary key, title text not null, author text not null);
    insert into customer select 'c-' || n, 'Customer ' || n, 'City ' || n % 100 from generate_series(0, ${customers}) n;
    insert into book select 'b-' || n, 'The book of ' || n, 'Author ' || n % 300 from generate_series(0, ${books}) n`)
}
