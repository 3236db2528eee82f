import type { Enrichment, GroupWorker } from '@commitcast/stream'

/**
 * What a worker process can do. `relay`: outbox to broker. `stream`: metadata, then to the live topic. `consume`:
 * projections and handlers.
 */
export type Role = 'relay' | 'stream' | 'consume'

/** What `cast.run` needs to know of what `cast.live` defined. */
export interface LiveDefinition {
  readonly enrichment: Enrichment
}

/** What `cast.projection` or `cast.handler` defined; given to `cast.run` workers with the role `consume` run it. */
export interface GroupDefinition {
  readonly group: GroupWorker
}

type Definition = LiveDefinition | GroupDefinition

export interface RunOptions {
  /**
   * What this process runs. Default: `relay`, and all that `use` needs: `stream` for what `cast.live` returned, `consume` for
   * projections and handlers.
   */
  readonly roles?: readonly Role[]
  /** What this process runs of the cast's definitions. Each needs its role. Default: none. */
  readonly use?: readonly Definition[]
  /** Ends the run when it aborts. */
  readonly signal: AbortSignal
}
