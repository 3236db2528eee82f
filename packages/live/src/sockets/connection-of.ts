import type { Connection } from './connection.ts'

const key: unique symbol = Symbol('commitcast.connection')

interface WithConnection {
  [key]?: Connection | undefined
}

/** The connection that a call came on; none over HTTP, within a process, and without `liveSockets`. */
export function connectionOf(ctx: unknown): Connection | undefined {
  return typeof ctx === 'object' && ctx !== null ? (ctx as WithConnection)[key] : undefined
}

/** The context with its connection, so that it lasts through middleware that spreads the context. */
export function withConnection<TContext>(ctx: TContext, connection: Connection): TContext {
  if (ctx === undefined || ctx === null) return { [key]: connection } as TContext
  if (typeof ctx !== 'object') return ctx
  return isPlain(ctx) ? copyWith(ctx, connection) : markWith(ctx, connection)
}

function isPlain(ctx: object): boolean {
  const prototype = Object.getPrototypeOf(ctx)
  return prototype === Object.prototype || prototype === null
}

/** A copy: several sockets may have been given the same object. */
function copyWith<TContext extends object>(ctx: TContext, connection: Connection): TContext {
  return Object.defineProperties(Object.create(Object.getPrototypeOf(ctx)), {
    ...Object.getOwnPropertyDescriptors(ctx),
    [key]: { value: connection, enumerable: true },
  })
}

/** An object of a class can't be copied. One that several sockets share says nothing of where a call came from. */
function markWith<TContext extends object>(ctx: TContext, connection: Connection): TContext {
  if (!Object.isExtensible(ctx)) return ctx
  const isShared = Object.hasOwn(ctx, key)
  return Object.defineProperty(ctx, key, {
    value: isShared ? undefined : connection,
    enumerable: true,
    configurable: true,
  })
}
