import { initTRPC } from '@trpc/server'
import { createCommitcast, defineChannels, defineEvents } from 'commitcast'
import { postgresBroker } from 'commitcast/postgres'
import { z } from 'zod'
import { connectionString, db } from './shop-database.ts'

const events = defineEvents({
  'order.placed': { data: z.object({ customerId: z.string(), bookId: z.number() }) },
  'order.delivered': { data: z.object({ customerId: z.string(), deliveredAt: z.date() }) },
})
const broker = postgresBroker({ connectionString })
const cast = createCommitcast({ app: 'shop', events, db, broker, listenTo: connectionString })

// #region types
const channels = defineChannels({ customer: ['id'] })
const live = cast.live({ channels: (event) => [channels.customer(event.data.customerId)] })

const t = initTRPC.context<{ customerId: string }>().create()
export const router = t.router({
  deliveries: t.procedure.input(z.object({ customerId: z.string() })).subscription(
    live.subscription({
      channels: ({ input }) => [channels.customer(input.customerId)],
      authorize: ({ ctx, input }) => ctx.customerId === input.customerId,
      types: ['order.delivered'],
    }),
  ),
})
// #endregion types
