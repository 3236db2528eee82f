import { createServer, type IncomingMessage } from 'node:http'
import { TRPCError } from '@trpc/server'
import { createCommitcast, defineChannels, defineEvents, eventsEndpoint } from 'commitcast'
import { postgresBroker } from 'commitcast/postgres'
import { z } from 'zod'
import { connectionString, db } from './shop-database.ts'

const events = defineEvents({ 'order.placed': { data: z.object({ customerId: z.string() }) } })
const broker = postgresBroker({ connectionString })
const cast = createCommitcast({ app: 'shop', events, db, broker, listenTo: connectionString })

// #region endpoint
const channels = defineChannels({ customer: ['id'] })
const live = cast.live({ channels: (event) => [channels.customer(event.data.customerId)] })
const follow = live.subscription<{ customerId: string }, undefined>({
  channels: ({ ctx }) => [channels.customer(ctx.customerId)],
  authorize: 'everyone',
})
const readCustomer = async ({ headers }: IncomingMessage) => {
  const customerId = await customerOf(headers.cookie)
  if (!customerId) throw new TRPCError({ code: 'UNAUTHORIZED', message: 'Sign in first.' })
  return { customerId }
}
const orders = eventsEndpoint(follow, { input: () => undefined, ctx: readCustomer })

export const http = createServer((request, response) => {
  if (request.url?.startsWith('/events/orders')) orders(request, response)
  else response.writeHead(404).end()
})
// #endregion endpoint

declare function customerOf(cookie: string | undefined): Promise<string | undefined>

// #region browser
export function watchOrders(show: (text: string) => void): EventSource {
  const source = new EventSource('/events/orders')
  source.addEventListener('order.placed', (message) => show(JSON.parse((message as MessageEvent).data).key))
  source.addEventListener('resync', () => show('start over'))
  return source
}
// #endregion browser
