import type { Broker } from '@commitcast/broker'
import type { CommittedEvent, EventCatalog, EventOf, EventTypeOf, LiveEventOf } from '@commitcast/events'
import { createStateReader, createSubscriptions, type Hub, type Subscriptions, startHub } from '@commitcast/live'
import {
  type Append,
  type AppendSql,
  checkSchemaName,
  createAppend,
  createAppendSql,
  createOnce,
  defaultSchema,
  type MigrateOptions,
  migrate,
  type Once,
  readTopic,
  runRelay,
  sqlOf,
} from '@commitcast/outbox'
import {
  createHandler,
  createProjection,
  type Enricher,
  type Enrichment,
  type GroupWorker,
  type Handle,
  type HandlerOptions,
  isRebuilding,
  type Project,
  type ProjectionOptions,
  runEnrichment,
} from '@commitcast/stream'
import { type Health, type Logger, type Sql, silentLogger } from '@commitcast/worker'
import type { Kysely, Transaction } from 'kysely'

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

/**
 * What a worker process can do. `relay`: outbox to broker. `stream`: metadata, then to the live topic. `project`:
 * projections and handlers.
 */
export type Role = 'relay' | 'stream' | 'project'

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

/** What `cast.projection` or `cast.handler` defined; given to `cast.run` it is done by workers with the role `project`. */
export interface GroupDefinition {
  readonly group: GroupWorker
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
  /** Does a command once per idempotency key, in the caller's transaction; every later try gets the first one's answer. */
  readonly once: Once
  /** Brings Commitcast's tables up to date; idempotent. */
  migrate(options?: Omit<MigrateOptions, 'schema'>): Promise<void>
  /** Defines what browsers see of the events; add metadata with `.enrich`. */
  live(options: LiveOptions<EventOf<TCatalog>>): Live<TCatalog, unknown, TDatabase>
  /**
   * Defines a consumer group that keeps a read model: its writes in `trx`, the events that it appends there and its offset
   * commit together, so that each event has its effect once, in order per key (P5).
   */
  projection(
    name: string,
    project: Project<EventOf<TCatalog>, Transaction<TDatabase>>,
    options?: ProjectionOptions,
  ): GroupDefinition
  /** Defines a consumer group that does things outside of the database: at least once for each event, in order per key. */
  handler(
    name: string,
    handles: { readonly [T in EventTypeOf<TCatalog>]?: Handle<EventOf<TCatalog, T>> },
    options?: HandlerOptions,
  ): GroupDefinition
  /** Runs worker roles until the signal aborts; resolves when they have drained. Outages are waited out. */
  run(options: {
    readonly roles: readonly Role[]
    readonly use?: readonly (LiveDefinition | GroupDefinition)[]
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
      upcast: events.upcast,
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

  const understand = (event: CommittedEvent) =>
    Object.hasOwn(events.definitions, event.type) ? events.upcast(event) : undefined

  const states = createStateReader(db, schema)
  const liveOf = <TMetadata>(enrichment: Enrichment): Live<TCatalog, TMetadata, TDatabase> => ({
    enrichment,
    ...createSubscriptions({ sharedHub, states, logger }),
    enrich: (kind, enricher) =>
      liveOf({ ...enrichment, enrichers: { ...enrichment.enrichers, [kind]: enricher as unknown as AnyEnricher } }),
  })

  const append = createAppend(events, outbox)
  const appendSql = createAppendSql(events, outbox)

  return {
    // In a rebuild events are checked and get ids; the live projection has appended them.
    append: async (trx, list) => (isRebuilding(trx) ? (await appendSql(list)).ids : append(trx, list)),
    appendSql,
    once: createOnce({ schema }),
    migrate: (migration = {}) => migrate(sql, { ...outbox, ...migration, schema }),
    live: ({ channels }) => liveOf({ enrichers: {}, channels } as unknown as Enrichment),
    projection(name, project, options = {}) {
      const inTransaction = (act: (trx: Transaction<TDatabase>, sql: Sql) => Promise<void>) =>
        db.transaction().execute((trx) => act(trx, sqlOf(trx)))
      const untyped = project as unknown as Project<CommittedEvent, Transaction<TDatabase>>
      return { group: createProjection({ name, project: untyped, options, transaction: inTransaction }) }
    },
    handler(name, handles, options = {}) {
      const inTransaction = (act: (sql: Sql) => Promise<void>) => db.transaction().execute((trx) => act(sqlOf(trx)))
      return { group: createHandler({ name, handles, options, transaction: inTransaction }) }
    },
    async run({ roles, use = [], signal }) {
      const { live, groups } = sortUse(roles, use)
      const running: Promise<void>[] = []
      const start = (name: string, part: { health(): Health; readonly done: Promise<void> }) => {
        parts.set(name, part.health)
        running.push(part.done.finally(() => parts.delete(name)))
      }
      if (roles.includes('relay')) {
        const own = { ...(listenTo !== undefined && { listenTo }), ...(retentionMs !== undefined && { retentionMs }) }
        start('relay', runRelay({ ...shared, signal, ...own }))
      }
      if (roles.includes('stream') && live) {
        start('stream', runEnrichment({ ...shared, signal, enrichment: live.enrichment, upcast: events.upcast }))
      }
      if (roles.includes('project')) {
        for (const group of groups) start(`group ${group.name}`, group.run({ ...shared, signal, understand }))
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

/** Tells apart what `run` was given to use. Throws where a role misses what it needs, or two groups have one name. */
function sortUse(roles: readonly Role[], use: readonly (LiveDefinition | GroupDefinition)[]) {
  const lives = use.filter((definition) => 'enrichment' in definition)
  const groups = use.flatMap((definition) => ('group' in definition ? [definition.group] : []))
  if (roles.includes('stream') && lives.length !== 1) {
    throw new TypeError(
      `run: the role "stream" needs in "use" the one thing that cast.live() returned; got ${lives.length}.`,
    )
  }
  if (roles.includes('project') && groups.length === 0) {
    throw new TypeError('run: the role "project" needs in "use" what cast.projection() or cast.handler() returned.')
  }
  const double = groups.find(({ name }, index) => groups.findIndex((other) => other.name === name) < index)
  if (double) throw new TypeError(`run: two groups are called ${JSON.stringify(double.name)}; each needs its own name.`)
  return { live: lives[0], groups }
}

/** Checks an app's name, which begins the names of its topics, and returns it. */
export function checkAppName(app: string): string {
  if (/^[A-Za-z0-9_-]{1,60}$/.test(app)) return app
  throw new RangeError(`The app name ${JSON.stringify(app)} can't be used: take 1 to 60 letters, digits, "-" and "_".`)
}
