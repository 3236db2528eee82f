import { randomUUID } from 'node:crypto'
import { initTRPC } from '@trpc/server'
import superjson from 'superjson'
import { z } from 'zod'
import { db } from './database.ts'

const t = initTRPC.create({ transformer: superjson })

export const router = t.router({
  orders: t.procedure
    .input(z.object({ customerId: z.string() }))
    .query(({ input }) =>
      db.selectFrom('orders').selectAll().where('customerId', '=', input.customerId).orderBy('placedAt').execute(),
    ),

  place: t.procedure.input(z.object({ customerId: z.string(), book: z.string() })).mutation(async ({ input }) => {
    const order = { id: randomUUID(), ...input, status: 'placed' as const, placedAt: new Date() }
    await db.insertInto('orders').values(order).execute()
  }),

  deliver: t.procedure.input(z.object({ customerId: z.string(), book: z.string() })).mutation(async ({ input }) => {
    await db
      .updateTable('orders')
      .set({ status: 'delivered' })
      .where('customerId', '=', input.customerId)
      .where('book', '=', input.book)
      .where('status', '=', 'placed')
      .execute()
  }),
})

export type Router = typeof router
