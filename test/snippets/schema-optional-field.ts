import { defineEvents } from 'commitcast'
import { z } from 'zod'

export const events = defineEvents({
  'customer.joined': { data: z.object({ name: z.string(), joinedOn: z.date(), invitedBy: z.string().optional() }) },
  'customer.left': { data: z.object({ reason: z.string() }) },
})
