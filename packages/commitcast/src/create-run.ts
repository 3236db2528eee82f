import type { Broker } from '@commitcast/broker'
import type { Upcast } from '@commitcast/events'
import { type KeyReader, runRelay } from '@commitcast/outbox'
import { type GroupPlace, runEnrichment } from '@commitcast/stream'
import { createRenewals, type Health, type Logger, type Sql } from '@commitcast/worker'
import { CastMisused } from './cast-misused.ts'
import type { Parts } from './health.ts'
import type { RunOptions } from './run-options.ts'
import { sortUse } from './sort-use.ts'
import { waitForSchema } from './wait-for-schema.ts'

export interface CreateRunOptions {
  readonly sql: Sql
  readonly broker: Broker
  readonly app: string
  readonly schema: string
  readonly logger: Logger
  /** Where each part says how it is. */
  readonly parts: Parts
  /** What this cast defined. */
  readonly defined: WeakSet<object>
  readonly catalogTypes: readonly string[]
  readonly release: number | undefined
  readonly upcast: Upcast
  readonly keyReader: KeyReader
  readonly understand: GroupPlace['understand']
  readonly relay: { readonly listenTo?: string; readonly retentionMs?: number }
  /** Aborts when the cast is closed. */
  readonly closed: AbortSignal
}

interface Running {
  health(): Health
  readonly done: Promise<void>
}

/** Makes `cast.run`: worker roles that run until their signal aborts, each part once at a time in a process. */
export function createRun({
  parts,
  defined,
  relay,
  closed,
  ...options
}: CreateRunOptions): (run: RunOptions) => Promise<void> {
  const { sql, broker, app, schema, logger, catalogTypes, release, upcast, keyReader, understand } = options
  const shared = { sql, broker, app, schema, logger }
  const claim = createClaims(closed)
  return async (run) => {
    const { signal } = run
    const { roles, live, groups, parts: names } = sortUse(run, defined)
    const free = claim(names)
    try {
      await waitForSchema(shared, { parts, signal })
      if (signal.aborted) return
      const ends: Promise<void>[] = []
      const own = { catalogTypes, release, keyReader, renewals: createRenewals(sql, schema) }
      const start = <TName>(beside: Map<TName, () => Health>, name: TName, part: Running) => {
        beside.set(name, part.health)
        ends.push(part.done.finally(() => beside.delete(name)))
      }
      if (roles.includes('relay')) start(parts.own, 'relay', runRelay({ ...shared, signal, ...relay }))
      if (live) {
        start(parts.own, 'stream', runEnrichment({ ...shared, ...own, signal, upcast, enrichment: live.enrichment }))
      }
      for (const group of groups) start(parts.groups, group.name, group.run({ ...shared, ...own, signal, understand }))
      await Promise.all(ends)
    } finally {
      free()
    }
  }
}

/** Makes the function that says what will run, until the function that it returns is called. Throws `CastMisused`. */
function createClaims(closed: AbortSignal): (names: readonly string[]) => () => void {
  const running = new Set<string>()
  return (names) => {
    if (closed.aborted) {
      throw new CastMisused('CAST_CLOSED', 'run: this cast was closed; make another one with createCommitcast().')
    }
    const twice = names.find((name) => running.has(name))
    if (twice !== undefined) {
      throw new CastMisused(
        'CAST_RUNS_ALREADY',
        `run: this cast runs ${twice} already; abort the signal of that run first, and await it. For more workers start more processes.`,
      )
    }
    for (const name of names) running.add(name)
    return () => {
      for (const name of names) running.delete(name)
    }
  }
}
