import { CommitcastError, isReserved, type Message } from '@commitcast/events'
import { createOutageLog, type Leases, type Logger, type Sql } from '@commitcast/worker'
import { findNewerTypes, type GroupRelease, liveGroupOf, registerReleases } from './group-releases.ts'

/**
 * A newer release of the group handles the event's type and this process does not. The partition is left to the workers of
 * that release; where none runs, it is halted.
 */
export class GroupTypeUnknown extends CommitcastError {
  override readonly name = 'GroupTypeUnknown'
  readonly code = 'GROUP_TYPE_UNKNOWN'
}

/** The messages that a worker may handle or pass over, and why it may not continue behind them. */
export interface GuardedMessages {
  readonly ready: readonly Message[]
  readonly unknown?: GroupTypeUnknown
}

/** Keeps a worker from passing over events that only a newer release of its group handles. */
export interface TypeGuard {
  /** Registers what this process handles, and returns its release. Idempotent. */
  register(): Promise<string>
  /**
   * Asks the database about the types that this process does not handle: one statement, and none where it handles all.
   * Where a newer release with living members handles one, `leases` yields its partitions to them.
   */
  check(messages: readonly Message[], leases: Leases): Promise<GuardedMessages>
}

export interface TypeGuardOptions extends GroupRelease {
  readonly sql: Sql
  readonly schema: string
  readonly logger: Logger
}

export function createTypeGuard(options: TypeGuardOptions): TypeGuard {
  const { sql, schema, group, types, logger } = options
  const handled = new Set(types)
  const of = { ...options, group: liveGroupOf(group) }
  const outages = createOutageLog({
    logger,
    about: { group },
    began: 'partition halted',
    ended: 'no event of this type waits for a newer release',
  })
  let registered: string | undefined

  const register = async () => {
    registered ??= (await registerReleases(sql, schema, [of]))[0]!.id
    return registered
  }
  const isForeign = (message: Message) => !handled.has(message.type) && !isReserved(message)

  return {
    register,
    async check(messages, leases) {
      const foreign = new Set(messages.filter(isForeign).map(({ type }) => type))
      if (foreign.size === 0) return { ready: messages }
      const id = await register()
      const newer = await findNewerTypes(sql, { schema, group, id, types: [...foreign], ttlMs: leases.ttlMs })
      const found = new Map(newer.map(({ type, living }) => [type, living]))
      const index = messages.findIndex((message) => isForeign(message) && found.has(message.type))
      if (index === -1) {
        for (const type of foreign) outages.ended(type)
        return { ready: messages }
      }
      const living = found.get(messages[index]!.type)!
      const unknown = toError(group, messages[index]!, living)
      if (living.length > 0) leases.yieldTo(living)
      else outages.halted(unknown, messages[index]!.type, { code: unknown.code })
      return { ready: messages.slice(0, index), unknown }
    },
  }
}

/** The batches up to the first message that only a newer release handles; then it throws `GroupTypeUnknown`. */
export async function* guardBatches(
  batches: AsyncIterable<readonly Message[]>,
  guard: TypeGuard,
  leases: Leases,
): AsyncGenerator<readonly Message[]> {
  for await (const batch of batches) {
    const { ready, unknown } = await guard.check(batch, leases)
    if (ready.length > 0) yield ready
    if (unknown) throw unknown
  }
}

function toError(group: string, { id, type, offset }: Message, living: readonly string[]): GroupTypeUnknown {
  const what = `A newer release of the group "${group}" handles "${type}", and this process does not (event ${id}, offset ${offset}).`
  return new GroupTypeUnknown(
    living.length > 0
      ? `${what} Workers of that release take the partition.`
      : `${what} No worker of that release runs: start one, or run "commitcast group forget-type ${group} ${type}", and workers that do not know the type pass over its events.`,
  )
}
