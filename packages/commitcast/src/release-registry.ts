import { type KyselyLike, type PgClientLike, sqlIn } from '@commitcast/outbox'
import { type GroupRelease, registerReleases } from '@commitcast/stream'

/** The groups that this process defines, which it registers before events that it appends can be read. */
export interface ReleaseRegistry {
  define(group: string, types: readonly string[]): void
  /**
   * Registers in the caller's transaction what no earlier transaction has committed: workers of an older release read the
   * events and this at the same moment. One statement, and none once everything is registered.
   */
  registerIn(transaction: KyselyLike | PgClientLike): Promise<void>
  /** Whether everything is registered and committed. */
  isRegistered(): boolean
}

export interface ReleaseRegistryOptions {
  readonly schema: string
  readonly release: number | undefined
}

export function createReleaseRegistry({ schema, release }: ReleaseRegistryOptions): ReleaseRegistry {
  const pending = new Map<string, GroupRelease>()
  return {
    define(group, types) {
      pending.set(group, { group, types, release })
    },
    isRegistered: () => pending.size === 0,
    async registerIn(transaction) {
      if (pending.size === 0) return
      const asked = [...pending.values()]
      const registered = await registerReleases(sqlIn(transaction), schema, asked)
      const isCommitted = new Set(registered.filter((one) => one.isCommitted).map(({ group }) => group))
      for (const one of asked) {
        if (isCommitted.has(one.group) && pending.get(one.group) === one) pending.delete(one.group)
      }
    },
  }
}
