import type { Transaction } from 'kysely'
import type { AccessCall, AccessRules } from '../permission/authorize.ts'
import { InvalidSubscription } from './invalid-subscription.ts'

/** A tRPC call, as far as a live subscription needs it. */
export interface Call extends AccessCall {
  readonly signal?: AbortSignal | undefined
}

/** How personal fields are sent: `clear`, as they were appended; `erased`, as if their subjects were erased. */
export type Personal = 'clear' | 'erased'

/** What a procedure was defined with; one object for all its subscriptions. The application's types are bound before it. */
export interface Definition extends AccessRules {
  readonly channels: (call: Call) => readonly string[]
  /** All types where it names none. */
  readonly types?: ReadonlySet<string> | undefined
  /** How the personal fields of its events are sent. */
  readonly personal?: Personal | ((call: Call) => Personal) | undefined
  /** Reads what comes first; none where only events are followed. */
  readonly state?: ((call: Call & { readonly trx: Transaction<unknown> }) => Promise<unknown>) | undefined
}

/** Checks what JavaScript may have given. Throws `InvalidSubscription`. */
export function toDefinition(
  given: { readonly [TName in keyof Definition]?: unknown },
  catalogTypes: readonly string[] | undefined,
): Definition {
  const { channels, authorize, revokedBy, types, personal, state } = given
  if (typeof channels !== 'function') {
    throw new InvalidSubscription(
      `"channels" is ${named(channels)}: give a function that returns the channels to follow.`,
    )
  }
  checkAuthorize(authorize, revokedBy)
  if (personal !== undefined && typeof personal !== 'function') checkPersonal(personal)
  if (state !== undefined && typeof state !== 'function') {
    throw new InvalidSubscription(`"state" is ${named(state)}: give a function that reads the state, or leave it out.`)
  }
  return { ...(given as Definition), types: types === undefined ? undefined : checkTypes(types, catalogTypes) }
}

function checkAuthorize(authorize: unknown, revokedBy: unknown): void {
  if (authorize !== 'everyone' && typeof authorize !== 'function') {
    const problem = authorize === undefined ? 'is missing' : `is ${named(authorize)}`
    throw new InvalidSubscription(
      `"authorize" ${problem}: give a function that decides which client may follow, or 'everyone' where every client may.`,
    )
  }
  if (authorize === 'everyone' && revokedBy !== undefined) {
    throw new InvalidSubscription(
      `"revokedBy" has no effect with authorize: 'everyone'. Give a function as "authorize", or leave "revokedBy" out.`,
    )
  }
}

/** Whether personal fields are sent as erased. Throws `InvalidSubscription` for an answer that is neither. */
export function isRedacted({ personal }: Definition, call: Call): boolean {
  const answer = typeof personal === 'function' ? personal(call) : personal
  return answer !== undefined && checkPersonal(answer) === 'erased'
}

function checkPersonal(personal: unknown): Personal {
  if (personal === 'clear' || personal === 'erased') return personal
  throw new InvalidSubscription(
    `"personal" is ${named(personal)}: give 'clear', 'erased', or a function that returns one of them.`,
  )
}

function checkTypes(types: unknown, catalogTypes: readonly string[] | undefined): ReadonlySet<string> {
  if (!Array.isArray(types) || types.length === 0) {
    throw new InvalidSubscription(
      '"types" names no event type: give a list of at least one, or leave it out to get all.',
    )
  }
  const unknown = types.find((type) => typeof type !== 'string' || catalogTypes?.includes(type) === false)
  if (unknown === undefined) return new Set(types)
  throw new InvalidSubscription(
    `the event type ${named(unknown)} in "types" is not in the catalogue (${catalogTypes?.join(', ') ?? 'texts only'}): ` +
      'correct it, or add it to defineEvents().',
  )
}

function named(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}
