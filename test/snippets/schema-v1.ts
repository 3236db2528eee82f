import { defineEvents } from 'commitcast'
import { z } from 'zod'

/** Frozen: what has been appended so far. Never changed, imported by the test only. */
export const eventsOfV1 = defineEvents({
  'customer.joined': { data: z.object({ name: z.string(), joinedOn: z.date() }) },
  'customer.left': { data: z.object({ reason: z.string() }) },
})
