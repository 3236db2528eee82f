import type { CommandIds, CommandInput } from '@commitcast/events'
import { createId } from './create-id.ts'
import { isPlainObject } from './is-plain-object.ts'

/**
 * A link for tRPC's client that makes each mutation a command: it gets an id, which its events carry as their causation id,
 * and an idempotency key. Put it first, before a `retryLink`, so that every try carries the same. The server takes them with
 * `t.procedure.concat(commands)`.
 *
 * They travel in the field `~command` of the input, over HTTP, batches and WebSocket alike. A server without `commands` ignores it,
 * except for strict schemas and inputs that are no objects. FormData and files are left as they are, without a key.
 */
export function commandLink(): () => CommandLink {
  return () =>
    ({ op, next }) =>
      next(op.type === 'mutation' ? { ...op, input: withCommand(op.input, op.context) } : op)
}

/** tRPC's `TRPCLink`, as far as this one uses it. */
type CommandLink = <TOperation extends Operation, TResult>(options: {
  readonly op: TOperation
  readonly next: (op: TOperation) => TResult
}) => TResult

interface Operation {
  readonly type: string
  readonly input: unknown
  readonly context: Readonly<Record<string, unknown>>
}

/** What a single call may say of its command: `mutate(input, { context: commandContext(…) })`. */
export function commandContext(ids: Partial<CommandIds>): { readonly command: Partial<CommandIds> } {
  return { command: ids }
}

/** Says which event the screen showed when a command was given: `mutate(input, { context: causedBy(event) })`. */
export function causedBy(event: { readonly id: string }): { readonly command: Partial<CommandIds> } {
  return commandContext({ causationId: event.id })
}

function withCommand(input: unknown, { command }: Operation['context']): unknown {
  const ids: CommandIds = { id: createId(), key: createId(), ...(command as Partial<CommandIds> | undefined) }
  if (isPlainObject(input)) return { ...input, '~command': ids } satisfies CommandInput
  if (isBody(input)) return input
  return { '~command': { ...ids, args: input === undefined ? [] : [input] } } satisfies CommandInput
}

/** What tRPC sends as the body itself. */
function isBody(value: unknown): boolean {
  return value instanceof FormData || value instanceof Blob || value instanceof Uint8Array
}
