import { defineEvents } from 'commitcast/events'
import { z } from 'zod'

/** Browser-safe: the only place where an event's type is written. */
export const events = defineEvents({
  'order.placed': { data: z.object({ customerId: z.string(), total: z.number() }) },
  'order.delivered': { data: z.object({ customerId: z.string() }) },
})
