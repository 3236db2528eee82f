import { createWSClient } from '@trpc/client'
import { initTRPC, TRPCError } from '@trpc/server'
import type { CreateWSSContextFnOptions } from '@trpc/server/adapters/ws'
import { createCommitcast, defineChannels, defineEvents } from 'commitcast'
import { postgresBroker } from 'commitcast/postgres'
import { z } from 'zod'
import { connectionString, db as shop } from './shop-database.ts'

const db = shop.withTables<{ readers: { userId: string; customerId: string; since: Date } }>()
const events = defineEvents({
  'order.placed': { data: z.object({ customerId: z.string() }) },
  'access.revoked': { data: z.object({}) },
})
const broker = postgresBroker({ connectionString })
const cast = createCommitcast({ app: 'shop', events, db, broker, listenTo: connectionString })

// #region subscription
interface Context {
  readonly userId: string
  /** When the token that the client connected with ends. */
  readonly tokenEnds: Date
}

const channels = defineChannels({ customer: ['id'], access: ['userId'] })
const live = cast.live({
  channels: (event) =>
    event.type === 'access.revoked' ? [channels.access(event.key)] : [channels.customer(event.data.customerId)],
})

const t = initTRPC.context<Context>().create()
export const router = t.router({
  orders: t.procedure.input(z.object({ customerId: z.string() })).subscription(
    live.subscription({
      channels: ({ input }) => [channels.customer(input.customerId)],
      authorize: async ({ ctx, input }) => (await mayRead(ctx.userId, input.customerId)) && ctx.tokenEnds,
      revokedBy: ({ ctx }) => [channels.access(ctx.userId)],
    }),
  ),
})
// #endregion subscription

async function mayRead(userId: string, customerId: string): Promise<boolean> {
  const row = await db
    .selectFrom('readers')
    .select('userId')
    .where('userId', '=', userId)
    .where('customerId', '=', customerId)
    .executeTakeFirst()
  return row !== undefined
}

// #region since
/** When the user became one of the customer's readers; where it is none, no. */
async function joinedAt(userId: string, customerId: string): Promise<{ readonly since: Date } | false> {
  const row = await db
    .selectFrom('readers')
    .select('since')
    .where('userId', '=', userId)
    .where('customerId', '=', customerId)
    .executeTakeFirst()
  return row ?? false
}

export const fromNowOn = live.subscription({
  channels: ({ input }: { input: { customerId: string } }) => [channels.customer(input.customerId)],
  authorize: ({ ctx, input }: { ctx: Context; input: { customerId: string } }) =>
    joinedAt(ctx.userId, input.customerId),
})
// #endregion since

// #region revoke
export function revoke(userId: string, customerId: string) {
  return db.transaction().execute(async (trx) => {
    await trx.deleteFrom('readers').where('userId', '=', userId).where('customerId', '=', customerId).execute()
    await cast.append(trx, { type: 'access.revoked', key: userId, data: {} })
  })
}
// #endregion revoke

export type ReadToken = (token: string) => Promise<{ readonly userId: string; readonly ends: Date }>

// #region context
export const contextOf =
  (readToken: ReadToken) =>
  async ({ info }: CreateWSSContextFnOptions): Promise<Context> => {
    const token = info.connectionParams?.token
    if (token === undefined) throw new TRPCError({ code: 'UNAUTHORIZED', message: 'Sign in first.' })
    const { userId, ends } = await readToken(token)
    return { userId, tokenEnds: ends }
  }
// #endregion context

// #region client
export const openSocket = (freshToken: () => Promise<string>) =>
  createWSClient({
    url: 'wss://shop.example/trpc',
    // A function: it is asked for each new socket.
    connectionParams: async () => ({ token: await freshToken() }),
  })
// #endregion client
