import { TRPCError } from '@trpc/server'
import { type Command, causationOf } from 'commitcast'
import { v7 as uuidv7 } from 'uuid'
import type { Shop } from '../shop.ts'

export interface PlaceOrder {
  readonly customerId: string
  readonly bookId: number
  readonly quantity: number
}

/** The order and its event, in one transaction; once, however often the command is tried. */
export async function placeOrder({ db, cast }: Shop, { customerId, bookId, quantity }: PlaceOrder, command: Command) {
  return db.transaction().execute((trx) =>
    // Customers do not sign in here: each is who the browser says. Elsewhere the caller is never a value of the input.
    cast.once(trx, { ...command, caller: customerId }, async () => {
      const book = await trx.selectFrom('book').select('price_cents').where('id', '=', bookId).executeTakeFirst()
      const customer = await trx.selectFrom('customer').select('id').where('id', '=', customerId).executeTakeFirst()
      if (!book) throw new TRPCError({ code: 'NOT_FOUND', message: `There is no book ${bookId}.` })
      if (!customer) throw new TRPCError({ code: 'NOT_FOUND', message: `There is no customer ${customerId}.` })
      const id = uuidv7()
      const placedAt = new Date()
      const totalCents = book.price_cents * quantity
      await trx
        .insertInto('order')
        .values({
          id,
          customer_id: customerId,
          book_id: bookId,
          quantity,
          total_cents: totalCents,
          status: 'placed',
          placed_at: placedAt,
        })
        .execute()
      await cast.append(trx, {
        type: 'order.placed',
        key: id,
        data: { customerId, bookId, quantity, totalCents, placedAt },
        headers: causationOf(command),
      })
      return { id }
    }),
  )
}
