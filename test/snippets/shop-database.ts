import { surviveErrors } from 'commitcast/postgres'
import { Kysely, PostgresDialect, type Transaction } from 'kysely'
import pg from 'pg'

export interface Tables {
  books: { id: number; title: string }
  orders: { id: string; customerId: string; bookId: number; status: string }
}

export const connectionString = process.env.DATABASE_URL ?? 'postgres://postgres:secret@127.0.0.1:5432/shop'
const pool = surviveErrors(new pg.Pool({ connectionString }))
export const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) })

/** One query for all books of a batch of events. */
export async function booksById(ids: readonly number[]) {
  const books = await db.selectFrom('books').selectAll().where('id', 'in', ids).execute()
  return new Map(books.map((book) => [book.id, book]))
}

/** The state of the screen. */
export function ordersOf(trx: Transaction<Tables>, customerId: string) {
  return trx
    .selectFrom('orders')
    .innerJoin('books', 'books.id', 'orders.bookId')
    .select(['orders.id', 'orders.status', 'books.title'])
    .where('customerId', '=', customerId)
    .execute()
}
