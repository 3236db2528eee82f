import type { LiveInput } from '@commitcast/events'

/** A subscription's input and the cursor that its client brought, separated. */
export interface TakenInput {
  /** As the client gave it. */
  readonly input: unknown
  readonly cursor: string | undefined
  /** Whether the client sent it so that a cursor has a place beside it. */
  readonly isWrapped: boolean
}

const carriedKey = Symbol('commitcast.carried')

/** An input with the cursor beside it, on its way through tRPC's WebSocket adapter. */
interface Carried {
  readonly [carriedKey]: { readonly input: unknown; readonly cursor: string }
}

export function carry(input: unknown, cursor: string): Carried {
  return { [carriedKey]: { input, cursor } }
}

/** What `carry` was given; `undefined` for any other value. */
export function carriedIn(value: unknown): Carried[typeof carriedKey] | undefined {
  return typeof value === 'object' && value !== null ? (value as Partial<Carried>)[carriedKey] : undefined
}

/**
 * Takes a raw input and its cursor apart: carried, sent by our client, or merged by tRPC, which writes a field
 * `lastEventId` into an object and makes one of no input. A field `lastEventId` of the application's own, which holds
 * something else than our cursors, stays.
 */
export function takeCursor(raw: unknown): TakenInput {
  const carried = carriedIn(raw)
  if (carried) return { ...takeCursor(carried.input), cursor: carried.cursor }
  if (!isPlainObject(raw)) return { input: raw, cursor: undefined, isWrapped: false }
  if (isLiveInput(raw)) return unwrap(raw)
  const { lastEventId, ...rest } = raw
  if (!isCursor(lastEventId)) return { input: raw, cursor: undefined, isWrapped: false }
  return {
    input: Object.keys(rest).length > 0 ? rest : emptyInputOf(lastEventId),
    cursor: lastEventId,
    isWrapped: false,
  }
}

function unwrap({ '~live': { args }, lastEventId, ...fields }: LiveInput): TakenInput {
  return { input: args ? args[0] : fields, cursor: lastEventId, isWrapped: true }
}

/**
 * What a cursor's end says of the input that tRPC put it in place of: a client that sent none, or null, reconnects with
 * `{ lastEventId }`, as does one that sent `{}`.
 */
export function emptyInputTag(input: unknown): string | undefined {
  return input === undefined ? 'none' : input === null ? 'null' : undefined
}

/** The cursor with this end. What follows a `~` is no part of its position. */
export function withTag(cursor: string, tag: string): string {
  return `${cursor}${cursor.includes('~') ? '-' : '~'}${tag}`
}

function emptyInputOf(cursor: string): unknown {
  const tag = /~(?:[\w-]*-)?(none|null)$/.exec(cursor)?.[1]
  return tag === undefined ? {} : tag === 'null' ? null : undefined
}

function isLiveInput(raw: object): raw is LiveInput {
  return Object.hasOwn(raw, '~live') && isPlainObject((raw as LiveInput)['~live'])
}

/** Any text that a release of ours may have sent as a cursor. */
function isCursor(value: unknown): value is string {
  return typeof value === 'string' && /^(\d+\.[0-9a-z]+\.|start|resync)/.test(value)
}

export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
