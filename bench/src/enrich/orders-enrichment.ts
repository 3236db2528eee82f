import type { Enrichment } from '@commitcast/stream'
import type pg from 'pg'
import type { Order } from './sample-orders.ts'

/** Customer and book for each order: one query per kind and batch. */
export function ordersEnrichment(pool: pg.Pool): Enrichment {
  return {
    enrichers: {
      customer: {
        id: ({ data }) => (data as Order).customerId,
        load: (ids) => rowsById(pool, 'select id, name, city from customer where id = any($1)', ids),
      },
      book: {
        id: ({ data }) => (data as Order).bookId,
        load: (ids) => rowsById(pool, 'select id, title, author from book where id = any($1)', ids),
      },
    },
    channels: ({ data }) => [`customer:${(data as Order).customerId}`],
  }
}

async function rowsById(pool: pg.Pool, text: string, ids: readonly unknown[]): Promise<ReadonlyMap<unknown, unknown>> {
  const { rows } = await pool.query<{ id: string }>(text, [ids])
  return new Map(rows.map((row) => [row.id, row]))
}
