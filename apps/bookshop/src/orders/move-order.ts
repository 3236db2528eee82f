import { TRPCError } from '@trpc/server'
import { type Command, causationOf } from 'commitcast'
import type { Shop } from '../shop.ts'
import { nextStep, type OrderStatus } from './order-status.ts'

/**
 * Moves an order on by one step. `from` is the status that the caller saw; the second caller gets a conflict, but for
 * another try of the same command, which gets the first one's answer.
 */
export async function moveOrder({ db, cast }: Shop, { id, from }: { id: string; from: OrderStatus }, command: Command) {
  const step = nextStep(from)
  if (!step) throw new TRPCError({ code: 'BAD_REQUEST', message: `An order that is ${from} goes nowhere from there.` })
  return db.transaction().execute((trx) =>
    cast.once(trx, { ...command, caller: 'staff' }, async () => {
      const order = await trx
        .updateTable('order')
        .set({ status: step.status })
        .where('id', '=', id)
        .where('status', '=', from)
        .returning(['customer_id', 'book_id'])
        .executeTakeFirst()
      if (!order)
        throw new TRPCError({ code: 'CONFLICT', message: `The order ${id} is not ${from} any more, or not there.` })
      const data = { customerId: order.customer_id, bookId: order.book_id }
      await cast.append(trx, { type: step.event, key: id, data, headers: causationOf(command) })
      return { status: step.status }
    }),
  )
}
