import type { Broker } from '@commitcast/broker'
import type {
  CommittedEvent,
  EventCatalog,
  EventOf,
  EventTypeOf,
  HintCatalog,
  HintInputOf,
  HintOf,
  LiveEventOf,
} from '@commitcast/events'
import {
  createLiveHints,
  createStateReader,
  createSubscriptions,
  type Hub,
  type HubLimits,
  hubLimitsWithDefaults,
  type LiveHints,
  type Subscriptions,
  startHub,
} from '@commitcast/live'
import {
  type Append,
  type AppendSql,
  bindApp,
  checkApp,
  checkSchema,
  checkSchemaName,
  createAppend,
  createAppendSql,
  createOnce,
  defaultSchema,
  type Migrated,
  type MigrateOptions,
  migrate,
  type Once,
  OtherApp,
  readLastGiven,
  readOffsetsBefore,
  readShown,
  readTopic,
  runRelay,
  SchemaOutdated,
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
import {
  createRenewals,
  type Health,
  type LastingTrouble,
  type Logger,
  lasting,
  partitionsHealth,
  type Sql,
  toTrouble,
  untilItWorks,
  warningLogger,
} from '@commitcast/worker'
import type { Kysely, Transaction } from 'kysely'
import { CastMisused } from './cast-misused.ts'
import { checkOptions } from './check-options.ts'
import { createReleaseRegistry } from './release-registry.ts'
import { type RunOptions, sortUse } from './sort-use.ts'
import { toSql } from './to-sql.ts'

export interface CommitcastOptions<TCatalog extends EventCatalog, TDatabase, THints extends HintCatalog = NoHints> {
  /**
   * Names the topics on the broker: `<app>-events`, `<app>-live`. Letters, digits, `-` and `_`. The tables belong to the app that
   * uses them first: with another one `append` throws `OtherApp`, and workers and the hub wait with the code `OTHER_APP`.
   */
  readonly app: string
  readonly events: TCatalog
  /** What may get lost, from `defineHints`: presence, typing. Needs a broker that has hints. */
  readonly hints?: THints
  /** How many hints a sender may send a second through one process, and at once after a rest. Default 10. */
  readonly hintsPerSecond?: number
  /** The application's own Kysely instance on Postgres. */
  readonly db: Kysely<TDatabase>
  readonly broker: Broker
  /** Where Commitcast's tables are; each app of a database has its own. Default `commitcast`. */
  readonly schema?: string
  /** The largest data of an event, in bytes of JSON; as large as `migrate` made the tables for. Default 786,432. */
  readonly maxEventBytes?: number
  /**
   * Numbers this release of the application, for example a build number; a larger one is newer. It decides which release of
   * a group handles more event types. Default: a set of types that no release had before is the newest; give a number where
   * a release may bring back types that the one before it had dropped.
   */
  readonly release?: number
  /** A direct connection (not through a pooler in transaction mode) for LISTEN, so that a sleeping relay is woken at once. */
  readonly listenTo?: string
  /** How long events stay in the outbox after their day has ended, at least a day. Default 7 days; `Infinity` keeps them. */
  readonly retentionMs?: number
  /** How much a process that serves subscriptions keeps for them, and how far behind clients may be. */
  readonly hub?: Partial<HubLimits>
  /** Default: warnings and errors, one JSON line each, on standard error. */
  readonly logger?: Logger
}

/**
 * What a worker process can do. `relay`: outbox to broker. `stream`: metadata, then to the live topic. `project`:
 * projections and handlers.
 */
export type Role = 'relay' | 'stream' | 'project'

/** Of an app that declares none. */
export type NoHints = HintCatalog<Record<never, never>>

/** What `cast.run` needs to know of what `cast.live` defined. */
export interface LiveDefinition {
  readonly enrichment: Enrichment
}

/**
 * What browsers see: events with metadata, told on channels. Given to `cast.run` it is made by stream workers; `follow` and
 * `query` make tRPC subscriptions of it.
 */
export interface Live<TCatalog extends EventCatalog, TMetadata, TDatabase, THints extends HintCatalog = NoHints>
  extends LiveDefinition,
    Subscriptions<LiveEventOf<TCatalog, TMetadata>, TDatabase, HintOf<THints>> {
  /**
   * The same with one more kind of metadata: the id that an event needs, and one look-up for all ids of a batch. Metadata
   * that the look-up does not find is missing, and typed so.
   */
  enrich<TKind extends string, TId, TFound>(
    kind: TKind,
    enricher: Enricher<EventOf<TCatalog>, TId, TFound>,
  ): Live<TCatalog, TMetadata & { readonly [K in TKind]?: TFound }, TDatabase, THints>
}

/** What `cast.projection` or `cast.handler` defined; given to `cast.run` it is done by workers with the role `project`. */
export interface GroupDefinition {
  readonly group: GroupWorker
}

export interface LiveOptions<TEvent> {
  /** Who hears of an event: `order:42`, `catalog`. None: nobody. */
  readonly channels: (event: TEvent) => readonly string[]
}

export interface Commitcast<TCatalog extends EventCatalog, TDatabase, THints extends HintCatalog = NoHints> {
  /** Appends events in the caller's transaction. */
  readonly append: Append<TCatalog>
  /** The same as a statement, for any other library to run in its transaction. */
  readonly appendSql: AppendSql<TCatalog>
  /** Does a command once per caller and idempotency key, in a transaction of yours; every later try gets the first one's answer. */
  readonly once: Once
  /**
   * Tells whoever follows a channel now, on all API nodes: `{ channel, type, sender, data }`. It is stored nowhere and may
   * get lost. Whether this caller may is for the mutation to say; `sender` is whose rate it counts for, and is told to all.
   * `false` where it was left out: its sender sends too many, or the broker can't be reached. Throws `InvalidHint`,
   * `InvalidChannel`, and `HintTooLarge` above 7,500 bytes.
   */
  hint(hint: HintInputOf<THints>): Promise<boolean>
  /**
   * Brings Commitcast's tables up to date; idempotent. Where a newer release was here it changes nothing, and warns. Throws
   * `OtherApp` where they belong to another app.
   */
  migrate(options?: Omit<MigrateOptions, 'schema'>): Promise<Migrated>
  /** Defines what browsers see of the events; add metadata with `.enrich`. */
  live(options: LiveOptions<EventOf<TCatalog>>): Live<TCatalog, unknown, TDatabase, THints>
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
  /**
   * Runs worker roles until the signal aborts; resolves when they have drained. Outages are waited out. Rejects with
   * `CastMisused`, before anything is begun, where roles and `use` don't fit, `use` holds what this cast did not define, one of
   * them runs already, or the cast was closed.
   */
  run(options: RunOptions): Promise<void>
  /** What each running part says of itself. */
  health(): Readonly<Record<string, Health>>
  /**
   * Ends subscriptions and the hub, and closes the broker. Clients reconnect, to other nodes, and continue at their cursors:
   * their sockets close with 1012 and their streams end. A subscription over a WebSocket without `liveSockets` ends with
   * SERVICE_UNAVAILABLE. Call it when the process is done; to move clients one after the other, drain before.
   */
  close(): Promise<void>
}

type AnyEnricher = Enrichment['enrichers'][string]

/**
 * The one thing an application makes: everything else hangs on it. Nothing is connected before it is used.
 *
 * Throws `CastMisused`, `InvalidAddress` or `RangeError` for options that can't be used.
 */
export function createCommitcast<TCatalog extends EventCatalog, TDatabase, const THints extends HintCatalog = NoHints>(
  options: CommitcastOptions<TCatalog, TDatabase, THints>,
): Commitcast<TCatalog, TDatabase, THints> {
  checkOptions(options)
  const { app, events, db, broker, listenTo, retentionMs, maxEventBytes, release, logger = warningLogger } = options
  const schema = checkSchemaName(options.schema ?? defaultSchema)
  const outbox = { schema, ...(maxEventBytes !== undefined && { maxEventBytes }) }
  const hubLimits = hubLimitsWithDefaults(options.hub)
  const sql = sqlOf(db)
  const shared = { sql, broker, app: checkAppName(app), schema, logger }
  const parts = new Map<string, () => Health>()
  const closing = new AbortController()
  let hub: Promise<Hub> | undefined
  let hubTrouble: LastingTrouble | undefined
  let isReopening = false

  const openHub = async () => {
    const topic = await broker.topic({ name: `${app}-live`, ...(await bindApp(sql, schema, app)) })
    const opened = await startHub({
      topic,
      epochNow: async () => (await readTopic(sql, schema)).epoch,
      readShown: (snapshot) => readShown(sql, schema, snapshot),
      lastGiven: (partition) => readLastGiven(sql, schema, { epoch: topic.epoch, partition }),
      onEnded: () => {
        hub = undefined
        parts.delete('hub')
      },
      upcast: events.upcast,
      signal: closing.signal,
      logger,
      ...hubLimits,
    })
    hubTrouble = undefined
    parts.set('hub', opened.health)
    return opened
  }
  const sharedHub = () => {
    hub ??= openHub().catch((error) => {
      hub = undefined
      const { code, message } = toTrouble(error)
      if (error instanceof OtherApp && hubTrouble?.code !== code) logger.error({ code, schema }, message)
      hubTrouble = lasting({ code, message }, hubTrouble)
      const health = partitionsHealth(hubTrouble, new Map())
      parts.set('hub', () => health)
      void reopenHub()
      throw error
    })
    return hub
  }
  /** Its subscriptions may leave meanwhile, and a load balancer sends no others to a process that is not ready. */
  const reopenHub = async () => {
    if (isReopening) return
    isReopening = true
    await untilItWorks(sharedHub, { signal: closing.signal, onError() {} })
    isReopening = false
  }

  const understand = (event: CommittedEvent) =>
    Object.hasOwn(events.definitions, event.type) ? events.upcast(event) : undefined

  const states = createStateReader(db, schema)
  const offsetsBefore = (epoch: number, moment: Date) => readOffsetsBefore(sql, schema, { epoch, moment })
  const hints = openHints(options, { signal: closing.signal, logger })
  const defined = new WeakSet<object>()
  const liveOf = <TMetadata>(enrichment: Enrichment) => {
    const live: Live<TCatalog, TMetadata, TDatabase, THints> = {
      enrichment,
      ...createSubscriptions({ sharedHub, states, offsetsBefore, hints, logger, closed: closing.signal }),
      enrich: (kind, enricher) =>
        liveOf({ ...enrichment, enrichers: { ...enrichment.enrichers, [kind]: enricher as unknown as AnyEnricher } }),
    }
    defined.add(live)
    return live
  }

  let isAppChecked = false
  const append = createAppend(events, outbox)
  const appendSql = createAppendSql(events, outbox)
  const catalogTypes = Object.keys(events.definitions)
  const releases = createReleaseRegistry({ schema, release: checkRelease(release) })
  const defineGroup = (group: GroupWorker): GroupDefinition => {
    releases.define(group.name, group.types ?? catalogTypes)
    const definition = { group }
    defined.add(definition)
    return definition
  }
  const running = new Set<string>()
  /** Says what will run, until the returned function is called. */
  const claim = (names: readonly string[]) => {
    if (closing.signal.aborted) {
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

  return {
    // In a rebuild events are checked and get ids; the live projection has appended them.
    append: async (trx, list) => {
      if (isRebuilding(trx)) return (await appendSql(list)).ids
      if (!isAppChecked) await checkApp(toSql(trx), schema, app)
      isAppChecked = true
      const ids = await append(trx, list)
      await releases.registerIn(trx)
      return ids
    },
    appendSql,
    once: createOnce({ schema }),
    async hint(hint) {
      if (!hints)
        throw new TypeError('cast.hint: give createCommitcast the "hints" that may be sent, from defineHints().')
      return hints.send(hint)
    },
    async migrate(migration = {}) {
      const migrated = await migrate(sql, { ...outbox, ...migration, schema })
      await bindApp(sql, schema, app)
      if (migrated.isNewer) {
        logger.warn(
          { code: 'SCHEMA_NEWER', schema, newest: migrated.release },
          'a newer release migrated the tables: nothing was changed',
        )
      }
      return migrated
    },
    live({ channels }) {
      releases.define('live', catalogTypes)
      return liveOf({ enrichers: {}, channels } as unknown as Enrichment)
    },
    projection(name, project, options = {}) {
      const inTransaction = (act: (trx: Transaction<TDatabase>, sql: Sql) => Promise<void>) =>
        ownTransaction(db).execute((trx) => act(trx, sqlOf(trx)))
      const untyped = project as unknown as Project<CommittedEvent, Transaction<TDatabase>>
      return defineGroup(createProjection({ name, project: untyped, options, transaction: inTransaction }))
    },
    handler(name, handles, options = {}) {
      const inTransaction = (act: (sql: Sql) => Promise<void>) => ownTransaction(db).execute((trx) => act(sqlOf(trx)))
      return defineGroup(createHandler({ name, handles, options, transaction: inTransaction }))
    },
    async run(options) {
      const { roles, signal } = options
      const { live, groups, parts: names } = sortUse(options, defined)
      const free = claim(names)
      try {
        await waitForSchema(shared, { parts, signal })
        if (signal.aborted) return
        const ends: Promise<void>[] = []
        const own = { catalogTypes, release, renewals: createRenewals(sql, schema) }
        const start = (name: string, part: { health(): Health; readonly done: Promise<void> }) => {
          parts.set(name, part.health)
          ends.push(part.done.finally(() => parts.delete(name)))
        }
        if (roles.includes('relay')) {
          const relay = {
            ...(listenTo !== undefined && { listenTo }),
            ...(retentionMs !== undefined && { retentionMs }),
          }
          start('relay', runRelay({ ...shared, signal, ...relay }))
        }
        if (live) {
          start(
            'stream',
            runEnrichment({ ...shared, ...own, signal, enrichment: live.enrichment, upcast: events.upcast }),
          )
        }
        for (const group of groups) start(`group ${group.name}`, group.run({ ...shared, ...own, signal, understand }))
        await Promise.all(ends)
      } finally {
        free()
      }
    },
    health: () => Object.fromEntries([...parts].map(([name, health]) => [name, health()])),
    async close() {
      parts.set('cast', () => ({ ready: false, trouble: 'closed' }))
      closing.abort()
      await (await hub?.catch(() => undefined))?.done
      await broker.close()
    },
  }
}

/** A transaction of a worker waits for rows that others lock and sees what they committed, whatever the default is. */
function ownTransaction<TDatabase>(db: Kysely<TDatabase>) {
  return db.transaction().setIsolationLevel('read committed')
}

/** Waits while the tables are older than this release. Any other trouble is for the roles to meet. */
async function waitForSchema(
  { sql, schema, logger }: { readonly sql: Sql; readonly schema: string; readonly logger: Logger },
  { parts, signal }: { readonly parts: Map<string, () => Health>; readonly signal: AbortSignal },
): Promise<void> {
  let trouble = 'starting'
  parts.set('schema', () => ({ ready: false, trouble }))
  const check = () =>
    checkSchema(sql, schema).catch((error) => {
      if (error instanceof SchemaOutdated) throw error
    })
  const onError = (error: unknown) => {
    const { code, message } = error as SchemaOutdated
    if (trouble !== message) logger.error({ code, schema }, message)
    trouble = message
  }
  await untilItWorks(check, { signal, onError })
  parts.delete('schema')
}

function openHints<TCatalog extends EventCatalog, TDatabase, THints extends HintCatalog>(
  { app, broker, hints: catalog, hintsPerSecond }: CommitcastOptions<TCatalog, TDatabase, THints>,
  around: { readonly signal: AbortSignal; readonly logger: Logger },
): LiveHints | undefined {
  if (!catalog) return undefined
  if (!broker.hints) {
    throw new TypeError(
      `The ${broker.name} broker has no hints as it is set up: leave "hints" out. Postgres needs LISTEN.`,
    )
  }
  const rate = hintsPerSecond === undefined ? {} : { perSecond: hintsPerSecond }
  return createLiveHints({ ...around, ...rate, hints: broker.hints, catalog, name: `${app}-hints` })
}

function checkRelease(release: number | undefined): number | undefined {
  if (release === undefined || (Number.isSafeInteger(release) && release >= 0)) return release
  throw new RangeError(`createCommitcast: "release" is ${release}; it has to be a whole number from 0 on.`)
}

/** Checks an app's name, which begins the names of its topics, and returns it. */
export function checkAppName(app: string): string {
  if (/^[A-Za-z0-9_-]{1,60}$/.test(app)) return app
  throw new RangeError(`The app name ${JSON.stringify(app)} can't be used: take 1 to 60 letters, digits, "-" and "_".`)
}
