import type { AnyTRPCRouter } from '@trpc/server'
import { isLiveResolver } from '../live-resolver.ts'
import { callKey } from './call-cursor.ts'
import { carriedIn, carry, takeCursor } from './carried-input.ts'
import { cursors } from './cursors.ts'

/** A procedure, as tRPC's adapters call it. */
interface Procedure {
  (call: Call): Promise<unknown>
  readonly _def: { readonly type: string; readonly resolver?: unknown; readonly middlewares?: readonly unknown[] }
}

interface Call {
  readonly getRawInput: () => Promise<unknown>
}

/**
 * The message of a client without its cursor, which travels beside the input. tRPC would write it into the input, where
 * the schema of the input refuses it, and a text or an array has no place for it.
 */
export function carryCursors(message: unknown): unknown {
  if (Array.isArray(message)) return message.map(carryCursors)
  const { method, params } = (message ?? {}) as {
    method?: unknown
    params?: { lastEventId?: unknown; input?: unknown }
  }
  if (method !== 'subscription' || typeof params?.lastEventId !== 'string') return message
  const { lastEventId, ...rest } = params
  return { ...(message as object), params: { ...rest, input: carry(params.input, lastEventId) } }
}

/** The same router for a WebSocket adapter, while its messages go through `carryCursors`. */
export function carryingRouter<TRouter extends AnyTRPCRouter>(router: TRouter, isCarrying: () => boolean): TRouter {
  const { procedures, _config: config } = router._def
  const { transformer } = config
  const deserialize = (raw: unknown): unknown => {
    const carried = carriedIn(raw)
    if (!carried) return transformer.input.deserialize(raw)
    return carry(transformer.input.deserialize(carried.input), carried.cursor)
  }
  const known = new WeakMap<Procedure, Procedure>()
  const carryingOf = (procedure: Procedure) => {
    if (!known.has(procedure)) known.set(procedure, carrying(procedure))
    return known.get(procedure)
  }
  const _def = {
    ...router._def,
    _config: { ...config, transformer: { ...transformer, input: { ...transformer.input, deserialize } } },
    // A lazy router adds its procedures to the original.
    procedures: new Proxy(procedures, {
      get(target, path) {
        const found = Reflect.get(target, path) as Procedure | undefined
        return found?._def.type === 'subscription' && isCarrying() ? carryingOf(found) : found
      },
    }),
  }
  return Object.create(router, { _def: { value: _def } }) as TRouter
}

function carrying(procedure: Procedure): Procedure {
  const takes = procedure._def.middlewares?.some((middleware) => ownMiddlewares.has(middleware))
  const isLive = takes || isLiveResolver(procedure._def.resolver)
  const call = async (given: Call) => {
    const raw = await given.getRawInput()
    if (!isLive) return procedure(carriedIn(raw) ? { ...given, getRawInput: async () => mergedAsByTRPC(raw) } : given)
    const { input, cursor, isWrapped } = takeCursor(raw)
    const taken = { ...given, [callKey]: { cursor, isWrapped } }
    return procedure(takes ? taken : { ...taken, getRawInput: async () => input })
  }
  return Object.assign(call, { _def: procedure._def })
}

const ownMiddlewares = new Set<unknown>((cursors as unknown as { _def: { middlewares: unknown[] } })._def.middlewares)

/** What tRPC makes of a cursor for a subscription that is not ours. */
function mergedAsByTRPC(raw: unknown): unknown {
  const { input, cursor } = carriedIn(raw)!
  if (input === undefined || input === null) return { lastEventId: cursor }
  return typeof input === 'object' && !Array.isArray(input) ? { ...input, lastEventId: cursor } : input
}
