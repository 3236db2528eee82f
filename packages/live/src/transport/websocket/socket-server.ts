import type { AnyTRPCRouter } from '@trpc/server'
import type { CreateWSSContextFnOptions, WSSHandlerOptions } from '@trpc/server/adapters/ws'

/** A `WebSocketServer` of the library `ws`, as tRPC's adapter takes it. */
export type SocketServer = WSSHandlerOptions<AnyTRPCRouter>['wss']

/** One client's WebSocket, as tRPC's adapter gives it to `createContext`. */
export type Socket = CreateWSSContextFnOptions['res']

/** The request that a socket began with. */
export type SocketRequest = CreateWSSContextFnOptions['req']
