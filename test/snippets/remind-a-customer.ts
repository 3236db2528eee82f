import { createCommitcast, defineEvents } from 'commitcast'
import { z } from 'zod'
import { sendMail } from './send-mail.ts'
import { connectionString, type Tables } from './shop-database.ts'

const dayMs = 86_400_000

const events = defineEvents({
  'order.placed': { data: z.object({ customerId: z.string(), bookId: z.number() }) },
  'order.paid': { data: z.object({ customerId: z.string() }) },
  'order.reminded': { data: z.object({ customerId: z.string() }) },
  'report.due': { data: z.object({ day: z.date() }) },
})
export const cast = createCommitcast<typeof events, Tables>({ app: 'shop', events, connectionString })

// #region schedule
export function placeOrder(id: string, customerId: string, bookId: number) {
  return cast.db.transaction().execute(async (trx) => {
    await trx.insertInto('orders').values({ id, customerId, bookId, status: 'placed' }).execute()
    await cast.append(trx, { type: 'order.placed', key: id, data: { customerId, bookId } })
    await cast.schedule(trx, {
      name: `remind/${id}`,
      at: new Date(Date.now() + dayMs),
      event: { type: 'order.reminded', key: id, data: { customerId } },
    })
  })
}
// #endregion schedule

// #region cancel
export function payOrder(id: string, customerId: string) {
  return cast.db.transaction().execute(async (trx) => {
    await trx.updateTable('orders').set({ status: 'paid' }).where('id', '=', id).execute()
    await cast.append(trx, { type: 'order.paid', key: id, data: { customerId } })
    await cast.unschedule(trx, `remind/${id}`)
  })
}
// #endregion cancel

// #region handle
export const reminders = cast.handler('reminders', {
  'order.reminded': (event, { signal }) => sendMail(event.id, event.data.customerId, signal),
})
// #endregion handle

// #region next
export const reports = cast.handler('reports', {
  'report.due': async ({ id, key, data: { day } }, { signal }) => {
    await sendMail(id, 'staff', signal)
    const next = new Date(day.getTime() + dayMs)
    await cast.db
      .transaction()
      .execute((trx) =>
        cast.schedule(trx, { name: 'report', at: next, event: { type: 'report.due', key, data: { day: next } } }),
      )
  },
})
// #endregion next

export async function work(signal: AbortSignal) {
  await cast.migrate()
  await cast.run({ use: [reminders, reports], signal })
}
