import { defineEvents } from 'commitcast'
import { z } from 'zod'

const parties = { customerId: z.string(), bookId: z.number().int() }

/** Everything that happens in the shop. The key of an order's events is the order's id. */
export const events = defineEvents({
  'order.placed': {
    data: z.object({
      ...parties,
      quantity: z.number().int().positive(),
      totalCents: z.number().int(),
      placedAt: z.date(),
    }),
  },
  'order.accepted': { data: z.object(parties) },
  'order.dispatched': { data: z.object(parties) },
  'order.delivered': { data: z.object(parties) },
})
