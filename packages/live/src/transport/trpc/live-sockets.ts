import { type Logger, warningLogger } from '@commitcast/worker'
import type { AnyTRPCRouter, inferRouterContext } from '@trpc/server'
import { type CreateWSSContextFnOptions, jsonEncoder, type WSSHandlerOptions } from '@trpc/server/adapters/ws'
import { Connection, type Framing } from '../websocket/connection.ts'
import { withConnection } from '../websocket/connection-of.ts'
import { createFrames } from '../websocket/frames.ts'
import { createOpenings } from '../websocket/openings.ts'
import { guardSockets, type SocketGuard, type SocketGuardOptions } from '../websocket/socket-guard.ts'
import type { Socket } from '../websocket/socket-server.ts'
import { carryCursors, carryingRouter } from './carrying-router.ts'

/** What `applyWSSHandler` takes, and who may connect and how much of it. */
export type LiveSocketsOptions<TRouter extends AnyTRPCRouter> = WSSHandlerOptions<TRouter> &
  Pick<SocketGuardOptions<inferRouterContext<TRouter>>, 'origins' | 'limits' | 'userOf' | 'logger'>

/** What to give to `applyWSSHandler`, and how the sockets are and go away. */
export type LiveSockets<TRouter extends AnyTRPCRouter> = WSSHandlerOptions<TRouter> &
  Pick<SocketGuard<inferRouterContext<TRouter>>, 'drain' | 'health'>

/**
 * Makes the options of tRPC's `applyWSSHandler` fit for live subscriptions, for stock clients: events are written as
 * finished frames, serialised once for all; a slow socket holds at most about 1 MB and catches up later; limits are kept
 * (see `SocketGuardOptions`). The cursor of a client that reconnects travels beside its input, so that any input will do.
 * Pings are on, after 15 s of silence, with 10 s to answer, where `keepAlive` says nothing else.
 *
 * With an `experimental_encoder` of your own events are yielded instead, which is said in the log.
 */
export function liveSockets<TRouter extends AnyTRPCRouter>(options: LiveSocketsOptions<TRouter>): LiveSockets<TRouter> {
  const { origins, limits, userOf, logger = warningLogger, ...handler } = options
  const { wss, prefix, keepAlive, experimental_encoder: encoder } = handler
  const guard = guardSockets<inferRouterContext<TRouter>>({ wss, prefix, origins, limits, userOf, encoder, logger })
  const framing = encoder ? yieldedInstead(logger) : createFraming(options.router)
  const connections = new WeakMap<Socket, Connection>()

  type Create = (given: CreateWSSContextFnOptions) => Promise<inferRouterContext<TRouter>>
  const createContext = guard.guardContext<CreateWSSContextFnOptions>(
    (given) => (handler as { createContext?: Create }).createContext?.(given) as ReturnType<Create>,
  )
  const connect: Create = async (given) => {
    const ctx = await createContext(given)
    const guarded = guard.of(given.res)
    if (!guarded) return ctx
    const connection = new Connection({ guarded, framing })
    connections.set(given.res, connection)
    return withConnection(ctx, connection)
  }
  const encode = (message: unknown) => {
    framing?.openings.see(message)
    // Clients drop what they have twice by its exact id, and another node's ids differ: nothing more from this one.
    if ((message as { method?: unknown }).method === 'reconnect') {
      for (const socket of wss.clients) connections.get(socket)?.retire()
    }
    return (encoder ?? jsonEncoder).encode(message)
  }

  let isDecoding = false
  const decode = (data: string | Uint8Array) => {
    isDecoding = true
    return carryCursors((encoder ?? jsonEncoder).decode(data))
  }

  return {
    ...handler,
    router: carryingRouter(options.router, () => isDecoding),
    createContext: connect,
    experimental_encoder: { encode, decode },
    keepAlive: { enabled: true, pingMs: 15_000, pongWaitMs: 10_000, ...keepAlive },
    drain: guard.drain,
    health: guard.health,
  } as LiveSockets<TRouter>
}

function createFraming(router: AnyTRPCRouter): Framing {
  const { output } = router._def._config.transformer
  return { openings: createOpenings(), frames: createFrames((value) => output.serialize(value)) }
}

function yieldedInstead(logger: Logger): undefined {
  logger.warn(
    { code: 'FRAMES_NOT_USED' },
    'liveSockets: frames are written in JSON only, so with this experimental_encoder events are yielded',
  )
}
