import type { Broker } from '@commitcast/broker'
import type { EventCatalog, EventOf, LiveEventOf } from '@commitcast/events'
import { createStateReader, createSubscriptions, type Hub, type Subscriptions, startHub } from '@commitcast/live'
import {
  type Append,
  type AppendSql,
  checkSchemaName,
  createAppend,
  createAppendSql,
  defaultSchema,
  type MigrateOptions,
  migrate,
  readTopic,
  runRelay,
  sqlOf,
} from '@commitcast/outbox'
import { type Enricher, type Enrichment, runEnrichment } from '@commitcast/stream'
import { type Health, type Logger, silentLogger } from '@commitcast/worker'
import type { Kysely } from 'kysely'

export interface CommitcastOptions<TCatalog extends EventCatalog, TDatabase> {
  /** Names the topics on the broker: `<app>-events`, `<app>-live`. Letters, digits, `-` and `_`. */
  readonly app: string
  readonly events: TCatalog
  /** The application's own Kysely instance on Postgres. */
  readonly db: Kysely<TDatabase>
  readonly broker: Broker
  /** Where Commitcast's tables are. Default `commitcast`. */
  readonly schema?: string
  /** The largest data of an event, in bytes of JSON; as large as `migrate` made the tables for. Default 786,432. */
  readonly maxEventBytes?: number
  /** A direct connection (not through a pooler in transaction mode) for LISTEN, so that a sleeping relay is woken at once. */
  readonly listenTo?: string
  /** How long events stay in the outbox after their day has ended, at least a day. Default 7 days; `Infinity` keeps them. */
  readonly retentionMs?: number
  readonly logger?: Logger
}

/** What a worker process can do. `relay`: outbox to broker. `stream`: metadata, then to the live topic. */
export type Role = 'relay' | 'stream'

/** What `cast.run` needs to know of what `cast.live` defined. */
export interface LiveDefinition {
  readonly enrichment: Enrichment
}

/**
 * What browsers see: events with metadata, told on channels. Given to `cast.run` it is made by stream workers; `follow` and
 * `query` make tRPC subscriptions of it.
 */
export interface Live<TCatalog extends EventCatalog, TMetadata, TDatabase>
  extends LiveDefinition,
    Subscriptions<LiveEventOf<TCatalog, TMetadata>, TDatabase> {
  /**
   * The same with one more kind of metadata: the id that an event needs, and one look-up for all ids of a batch. Metadata
   * that the look-up does not find is missing, and typed so.
   */
  enrich<TKind extends string, TId, TFound>(
    kind: TKind,
    enricher: Enricher<EventOf<TCatalog>, TId, TFound>,
  ): Live<TCatalog, TMetadata & { readonly [K in TKind]?: TFound }, TDatabase>
}

export interface LiveOptions<TEvent> {
  /** Who hears of an event: `order:42`, `catalog`. None: nobody. */
  readonly channels: (event: TEvent) => readonly string[]
}

export interface Commitcast<TCatalog extends EventCatalog, TDatabase> {
  /** Appends events in the caller's transaction. */
  readonly append: Append<TCatalog>
  /** The same as a statement, for any other library to run in its transaction. */
  readonly appendSql: AppendSql<TCatalog>
  /** Brings Commitcast's tables up to date; idempotent. */
  migrate(options?: Omit<MigrateOptions, 'schema'>): Promise<void>
  /** Defines what browsers see of the events; add metadata with `.enrich`. */
  live(options: LiveOptions<EventOf<TCatalog>>): Live<TCatalog, unknown, TDatabase>
  /** Runs worker roles until the signal aborts; resolves when they have drained. Outages are waited out. */
  run(options: {
    readonly roles: readonly Role[]
    readonly use?: readonly LiveDefinition[]
    readonly signal: AbortSignal
  }): Promise<void>
  /** What each running part says of itself. */
  health(): Readonly<Record<string, Health>>
  /** Ends the hub and closes the broker. Call it when the process is done. */
  close(): Promise<void>
}

type AnyEnricher = Enrichment['enrichers'][string]

/** The one thing an application makes: everything else hangs on it. Nothing is connected before it is used. */
export function createCommitcast<TCatalog extends EventCatalog, TDatabase>(
  options: CommitcastOptions<TCatalog, TDatabase>,
): Commitcast<TCatalog, TDatabase> {
  const { app, events, db, broker, listenTo, retentionMs, maxEventBytes, logger = silentLogger } = options
  const schema = checkSchemaName(options.schema ?? defaultSchema)
  const outbox = { schema, ...(maxEventBytes !== undefined && { maxEventBytes }) }
  const sql = sqlOf(db)
  const shared = { sql, broker, app: checkAppName(app), schema, logger }
  const parts = new Map<string, () => Health>()
  const closing = new AbortController()
  let hub: Promise<Hub> | undefined

  const openHub = async () => {
    const topic = await broker.topic({ name: `${app}-live`, ...(await readTopic(sql, schema)) })
    const opened = await startHub({
      topic,
      epochNow: async () => (await readTopic(sql, schema)).epoch,
      onEnded: () => {
        hub = undefined
      },
      signal: closing.signal,
      logger,
    })
    parts.set('hub', opened.health)
    return opened
  }
  const sharedHub = () => {
    hub ??= openHub().catch((error) => {
      hub = undefined
      throw error
    })
    return hub
  }

  const states = createStateReader(db, schema)
  const liveOf = <TMetadata>(enrichment: Enrichment): Live<TCatalog, TMetadata, TDatabase> => ({
    enrichment,
    ...createSubscriptions({ sharedHub, states, logger }),
    enrich: (kind, enricher) =>
      liveOf({ ...enrichment, enrichers: { ...enrichment.enrichers, [kind]: enricher as unknown as AnyEnricher } }),
  })

  return {
    append: createAppend(events, outbox),
    appendSql: createAppendSql(events, outbox),
    migrate: (migration = {}) => migrate(sql, { ...outbox, ...migration, schema }),
    live: ({ channels }) => liveOf({ enrichers: {}, channels } as unknown as Enrichment),
    async run({ roles, use = [], signal }) {
      const [live] = use
      if (roles.includes('stream') && (!live || use.length > 1)) {
        throw new TypeError(
          `run: the role "stream" needs in "use" the one thing that cast.live() returned; got ${use.length}.`,
        )
      }
      const running: Promise<void>[] = []
      const start = (name: Role, part: { health(): Health; readonly done: Promise<void> }) => {
        parts.set(name, part.health)
        running.push(part.done.finally(() => parts.delete(name)))
      }
      if (roles.includes('relay')) {
        const own = { ...(listenTo !== undefined && { listenTo }), ...(retentionMs !== undefined && { retentionMs }) }
        start('relay', runRelay({ ...shared, signal, ...own }))
      }
      if (roles.includes('stream') && live) {
        start('stream', runEnrichment({ ...shared, signal, enrichment: live.enrichment }))
      }
      await Promise.all(running)
    },
    health: () => Object.fromEntries([...parts].map(([name, health]) => [name, health()])),
    async close() {
      closing.abort()
      await (await hub?.catch(() => undefined))?.done
      await broker.close()
    },
  }
}

/** Checks an app's name, which begins the names of its topics, and returns it. */
export function checkAppName(app: string): string {
  if (/^[A-Za-z0-9_-]{1,60}$/.test(app)) return app
  throw new RangeError(`The app name ${JSON.stringify(app)} can't be used: take 1 to 60 letters, digits, "-" and "_".`)
}
