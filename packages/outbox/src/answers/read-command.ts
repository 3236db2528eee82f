import type { CommandIds, CommandInput } from '@commitcast/events'
import { v7 as uuidv7 } from 'uuid'
import type { Command } from './command.ts'
import { fingerprintOf } from './fingerprint.ts'
import { InvalidCommand } from './invalid-command.ts'

/**
 * Reads what `commandLink` put into the raw input of a tRPC mutation. Without the link it is a command with a new id and no
 * key. `path` is the procedure's, so that a key belongs to one procedure and one input.
 * Throws `InvalidCommand` where the field is there and holds no ids.
 */
export function readCommand(rawInput: unknown, path: string): Command {
  if (!hasCommand(rawInput)) return toCommand({})
  const sent: unknown = rawInput['~command']
  if (typeof sent !== 'object' || sent === null) throw new InvalidCommand('The field "~command" holds no ids.')
  return toCommand(sent, [path, withoutCommand(rawInput)])
}

/** The raw input of a tRPC mutation as the caller gave it to `commandLink`. */
export function withoutCommand(rawInput: unknown): unknown {
  if (!hasCommand(rawInput)) return rawInput
  const { '~command': sent, ...input } = rawInput
  return Array.isArray(sent.args) ? sent.args[0] : input
}

/**
 * Reads a command from the headers of a plain HTTP request: `idempotency-key`, `x-command-id`, `x-correlation-id` and
 * `x-causation-id`, each of which may be absent. `asked` is what a key belongs to: the path and the body.
 * Throws `InvalidCommand` where one of them is no id.
 */
export function readCommandHeaders(headers: HeadersLike, asked?: unknown): Command {
  const ids = {
    id: read(headers, 'x-command-id'),
    key: read(headers, 'idempotency-key'),
    correlationId: read(headers, 'x-correlation-id'),
    causationId: read(headers, 'x-causation-id'),
  }
  return toCommand(ids, asked)
}

/** `request.headers` of Node, or of the Fetch API. */
export type HeadersLike =
  | { get(name: string): string | null }
  | { readonly [name: string]: string | readonly string[] | undefined }

function hasCommand(rawInput: unknown): rawInput is CommandInput {
  return typeof rawInput === 'object' && rawInput !== null && Object.hasOwn(rawInput, '~command')
}

function toCommand(sent: { readonly [K in keyof CommandIds]?: unknown }, asked?: unknown): Command {
  const id = checkId('id', sent.id) ?? uuidv7()
  const key = checkId('key', sent.key)
  const causationId = checkId('causationId', sent.causationId)
  return {
    id,
    correlationId: checkId('correlationId', sent.correlationId) ?? id,
    ...(causationId !== undefined && { causationId }),
    ...(key !== undefined && { key }),
    ...(key !== undefined && asked !== undefined && { fingerprint: fingerprintOf(asked) }),
  }
}

/** They end up in the headers of events and in a key of the database. */
function checkId(name: string, value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value === 'string' && /^[\x21-\x7e]{1,200}$/.test(value)) return value
  throw new InvalidCommand(
    `The ${name} of the command is ${JSON.stringify(value)?.slice(0, 80)}: take 1 to 200 visible characters of ASCII.`,
  )
}

function read(headers: HeadersLike, name: string): string | undefined {
  const value = typeof headers.get === 'function' ? headers.get(name) : (headers as Record<string, unknown>)[name]
  return typeof value === 'string' ? value : undefined
}
