import { surviveErrors } from 'commitcast/postgres'
import { type ColumnType, type Generated, Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import type { OrderStatus } from './orders/order-status.ts'

/** The shop's own tables. */
export interface Database {
  book: {
    id: Generated<number>
    title: string
    author: string
    publisher: string
    year: number
    category: string
    price_cents: number
  }
  customer: { id: string; name: string; city: string }
  order: {
    id: string
    customer_id: string
    book_id: number
    quantity: number
    total_cents: number
    status: OrderStatus
    placed_at: ColumnType<Date, Date, never>
  }
}

/** A Kysely instance on a pool of its own; end it with `destroy()`. */
export function openDatabase(url: string, { onError }: { onError: (error: Error) => void }): Kysely<Database> {
  const pool = new pg.Pool({ connectionString: url, max: 20, keepAlive: true })
  surviveErrors(pool, onError)
  return new Kysely<Database>({ dialect: new PostgresDialect({ pool }) })
}
