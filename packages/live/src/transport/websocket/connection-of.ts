import { createContextMark } from '../context-mark.ts'
import type { Connection } from './connection.ts'

const mark = createContextMark<Connection>('commitcast.connection')

/** The connection that a call came on; none over HTTP, within a process, and without `liveSockets`. */
export function connectionOf(ctx: unknown): Connection | undefined {
  return mark.of(ctx)
}

/** The context with its connection. An object of a class that several sockets share says nothing of where a call came from. */
export function withConnection<TContext>(ctx: TContext, connection: Connection): TContext {
  return mark.put(ctx, connection)
}
