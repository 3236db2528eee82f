import { type Command, InvalidCommand, KeyReused, readCommand, withoutCommand } from '@commitcast/outbox'
import { initTRPC, TRPCError } from '@trpc/server'

/**
 * What mutations begin with, `t.procedure.concat(commands)`: gives them `ctx.command`, whose key and ids `commandLink` sent
 * (over HTTP and WebSocket alike), and their input as it was before. Without the link each call is a command with a new id
 * and no key. Answers BAD_REQUEST for ids that are none, and CONFLICT where a key came before with another command.
 */
export const commands = initTRPC
  .create()
  .procedure.use(async ({ getRawInput, path, next }) => {
    const result = await next<{ command: Command }>({ ctx: { command: commandOf(await getRawInput(), path) } })
    if (result.ok || !(result.error.cause instanceof KeyReused)) return result
    throw new TRPCError({ code: 'CONFLICT', message: result.error.message, cause: result.error.cause })
  })
  .use(({ getRawInput, next }) => next({ getRawInput: async () => withoutCommand(await getRawInput()) }))

function commandOf(rawInput: unknown, path: string): Command {
  try {
    return readCommand(rawInput, path)
  } catch (error) {
    if (!(error instanceof InvalidCommand)) throw error
    throw new TRPCError({ code: 'BAD_REQUEST', message: error.message, cause: error })
  }
}
