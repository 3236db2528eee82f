import { sqlOf } from '@commitcast/outbox'
import { initTRPC, TRPCError } from '@trpc/server'
import { type Commitcast, causationOf, commands, defineEvents } from 'commitcast'
import type { Kysely } from 'kysely'
import superjson from 'superjson'
import { z } from 'zod'

export const events = defineEvents({ 'note.added': { data: z.object({ text: z.string(), at: z.date() }) } })

const t = initTRPC.create({ transformer: superjson })

type Tables = Record<string, never>
type Cast = Commitcast<typeof events, Tables>

export function defineBoardLive(cast: Cast) {
  return cast.live({ channels: () => ['notes'] })
}

export interface BoardParts {
  readonly db: Kysely<Tables>
  readonly cast: Cast
  readonly live: ReturnType<typeof defineBoardLive>
  readonly mayFollow: () => boolean
}

/** A board of notes: what is on it, live, and the command that adds one. */
export function boardRouter({ db, cast, live, mayFollow }: BoardParts) {
  return t.router({
    notes: t.procedure.subscription(
      live.subscription({
        channels: () => ['notes'],
        authorize: mayFollow,
        state: async ({ trx }) =>
          (await sqlOf(trx).query<{ text: string }>('select text from note order by number')).map(({ text }) => text),
      }),
    ),
    reversed: t.procedure.subscription(
      live.subscription({
        channels: () => ['notes'],
        authorize: mayFollow,
        state: async ({ trx }) =>
          (await sqlOf(trx).query<{ text: string }>('select text from note order by number desc')).map(
            ({ text }) => text,
          ),
      }),
    ),
    follow: t.procedure.subscription(live.subscription({ channels: () => ['notes'], authorize: mayFollow })),
    add: t.procedure
      .concat(commands)
      .input(z.object({ id: z.string(), text: z.string() }))
      .mutation(({ ctx, input: { id, text } }) =>
        db.transaction().execute((trx) =>
          cast.once(trx, { ...ctx.command, caller: 'ada' }, async () => {
            if (text === 'refused') throw new TRPCError({ code: 'CONFLICT', message: 'This note is refused.' })
            await sqlOf(trx).query('insert into note (id, text) values ($1, $2)', [id, text])
            const headers = causationOf(ctx.command)
            await cast.append(trx, { type: 'note.added', key: id, data: { text, at: new Date() }, headers })
            return { id }
          }),
        ),
      ),
  })
}

export type BoardRouter = ReturnType<typeof boardRouter>
