import { initTRPC, TRPCError } from '@trpc/server'
import { createCommitcast, defineChannels, defineEvents, defineHints } from 'commitcast'
import { postgresBroker } from 'commitcast/postgres'
import { z } from 'zod'
import { connectionString, db } from './shop-database.ts'

const events = defineEvents({ 'message.sent': { data: z.object({ text: z.string() }) } })
const broker = postgresBroker({ connectionString })

// #region server
const hints = defineHints({ typing: z.object({ name: z.string() }) })
export const cast = createCommitcast({ app: 'chat', events, hints, db, broker, listenTo: connectionString })
const channels = defineChannels({ room: ['id'] })
const live = cast.live({ channels: (event) => [channels.room(event.key)] })

const t = initTRPC.context<{ userId: string; name: string }>().create()
const room = t.procedure.input(z.object({ roomId: z.string() })).use(async ({ ctx, input, next }) => {
  if (!(await isMember(ctx.userId, input.roomId))) throw new TRPCError({ code: 'FORBIDDEN' })
  return next()
})
export const router = t.router({
  messages: room.subscription(
    live.subscription({ channels: ({ input }) => [channels.room(input.roomId)], authorize: 'everyone' }),
  ),
  typing: room.mutation(({ ctx: { userId, name }, input: { roomId } }) =>
    cast.hint({ channel: channels.room(roomId), type: 'typing', sender: userId, data: { name } }),
  ),
})
// #endregion server

export type ChatRouter = typeof router

async function isMember(userId: string, roomId: string): Promise<boolean> {
  return userId !== '' && roomId !== ''
}
