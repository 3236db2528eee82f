import type { Transaction } from 'kysely'
import type { Database } from '../database.ts'

/** The shop's newest orders, newest first, as the board shows them. */
export async function orderBoard(trx: Transaction<Database>, { limit }: { limit: number }) {
  return trx
    .selectFrom('order')
    .innerJoin('customer', 'customer.id', 'order.customer_id')
    .innerJoin('book', 'book.id', 'order.book_id')
    .select([
      'order.id',
      'order.status',
      'order.quantity',
      'order.total_cents as totalCents',
      'order.placed_at as placedAt',
      'customer.name as customerName',
      'book.title as bookTitle',
    ])
    .orderBy('order.placed_at', 'desc')
    .orderBy('order.id', 'desc')
    .limit(limit)
    .execute()
}

/** One line of the board. */
export type BoardOrder = Awaited<ReturnType<typeof orderBoard>>[number]
