import { defineEvents } from 'commitcast'
import { z } from 'zod'

/** The only place where an event's type is written. */
export const events = defineEvents({
  'order.placed': { data: z.object({ customerId: z.string(), book: z.string(), placedAt: z.date() }) },
  'order.delivered': { data: z.object({ customerId: z.string(), book: z.string() }) },
})
