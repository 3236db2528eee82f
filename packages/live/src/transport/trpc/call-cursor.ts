import { CommitcastError } from '@commitcast/events'
import { TRPCError } from '@trpc/server'
import { createContextMark } from '../context-mark.ts'
import { connectionOf } from '../websocket/connection-of.ts'
import { isPlainObject } from './carried-input.ts'

/** The cursor that a call came with, taken out of its input. */
export interface CallCursor {
  readonly cursor: string | undefined
  /** Whether the client sent the input so that a cursor has a place beside it. */
  readonly isWrapped: boolean
  /** What has to stand at the end of each cursor, so that an empty input can be distinguished from another one. */
  readonly tag?: string | undefined
}

/** Where `cursors` puts it: into the context. */
export const contextCursor = createContextMark<CallCursor>('commitcast.cursor')

/** Where the router of `liveSockets` puts it: beside the context, in the call. */
export const callKey = Symbol('commitcast.cursor')

/** A tRPC call as a resolver gets it, as far as cursors are concerned. */
interface Call {
  readonly ctx: unknown
  readonly input: unknown
  readonly getRawInput?: () => Promise<unknown>
  readonly [callKey]?: CallCursor
}

/** A first subscription whose cursor a reconnect could not bring: a reconnect would lose events. */
export class CursorNotCarried extends CommitcastError {
  override readonly name = 'CursorNotCarried'
  readonly code = 'CURSOR_NOT_CARRIED'
}

/**
 * The cursor of a call, and what has to stand at the end of those that it is sent. Throws TRPCError BAD_REQUEST where the
 * client could not bring one.
 */
export async function cursorOf(given: object): Promise<Pick<CallCursor, 'cursor' | 'tag'>> {
  const call = given as Call
  const taken = contextCursor.of(call.ctx)
  const carried = call[callKey]
  const raw = call.getRawInput ? await call.getRawInput() : call.input
  const isSafe = !call.getRawInput || carried || taken?.isWrapped || (taken && connectionOf(call.ctx))
  if (!isSafe && !canMerge(raw, taken !== undefined)) throw refusal(taken !== undefined)
  if (taken || carried) return { cursor: carried?.cursor ?? taken?.cursor, tag: taken?.tag }
  const id = isObject(raw) ? raw.lastEventId : undefined
  return { cursor: id === undefined || id === null ? undefined : String(id) }
}

/** Whether tRPC has a place for a cursor in such an input, and takes nothing for it. */
function canMerge(raw: unknown, isTaken: boolean): boolean {
  if (raw === undefined) return true
  if (raw === null) return isTaken
  return isPlainObject(raw) && !(isTaken && raw.lastEventId !== undefined && raw.lastEventId !== null)
}

function refusal(isTaken: boolean): TRPCError {
  const follows = 'follow it by "follow" or "useLiveQuery" of @commitcast/client'
  const fix = isTaken ? follows : `put .concat(cursors) first in the procedure and ${follows}`
  const message =
    'This subscription would lose events when its connection fails: tRPC has no place for the cursor beside such an input. ' +
    `Send a plain object without a field "lastEventId", or ${fix}, or serve it over WebSockets with liveSockets.`
  return new TRPCError({ code: 'BAD_REQUEST', message, cause: new CursorNotCarried(message) })
}

function isObject(value: unknown): value is { readonly lastEventId?: unknown } {
  return typeof value === 'object' && value !== null
}
