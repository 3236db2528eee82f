import type { Broker } from '@commitcast/broker'
import type { CommittedEvent, EventCatalog, HintCatalog, HintOf, LiveEventOf } from '@commitcast/events'
import {
  createLiveHints,
  createStateReader,
  createSubscriptions,
  hubLimitsWithDefaults,
  type LiveHints,
} from '@commitcast/live'
import {
  bindApp,
  checkSchemaName,
  checkTransaction,
  createAppend,
  createAppendSql,
  createCheckEvents,
  createKeyReader,
  createOnce,
  createSchedule,
  createSubjectKeys,
  createUnschedule,
  defaultSchema,
  migrate,
  readOffsetsBefore,
  sqlOf,
  type TransactionLike,
} from '@commitcast/outbox'
import {
  awaitReached,
  createHandler,
  createProjection,
  type Enrichment,
  type GroupWorker,
  isRebuilding,
  type Project,
} from '@commitcast/stream'
import { checkWholeNumber, type Logger, type Sql, warningLogger } from '@commitcast/worker'
import type { Kysely, Transaction } from 'kysely'
import { createAppCheck } from './app-check.ts'
import { checkAppName } from './check-app-name.ts'
import { checkOptions } from './check-options.ts'
import type { Commitcast, CommitcastOptions, Live, NoHints } from './commitcast.ts'
import { connect } from './connect.ts'
import { createRun } from './create-run.ts'
import { createAggregates } from './define-aggregate.ts'
import { createDefineProcess } from './define-process.ts'
import { defineSchedule } from './define-schedule.ts'
import { createErase } from './erase.ts'
import { createParts, readHealth } from './health.ts'
import { createReleaseRegistry } from './release-registry.ts'
import type { GroupDefinition } from './run-options.ts'
import { createSharedHub } from './shared-hub.ts'

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
  const { app, events, retentionMs, maxEventBytes, release, logger = warningLogger } = options
  const schema = checkSchemaName(options.schema ?? defaultSchema)
  const outbox = { schema, ...(maxEventBytes !== undefined && { maxEventBytes }) }
  const hubLimits = hubLimitsWithDefaults(options.hub)
  const { db, broker, listenTo, close } = connect(options, logger)
  const sql = sqlOf(db)
  const shared = { sql, broker, app: checkAppName(app), schema, logger }
  const subjectKeys = createSubjectKeys({ schema, keys: options.keys })
  const keyReader = createKeyReader(sql, subjectKeys)
  const parts = createParts()
  const closing = new AbortController()
  const hub = createSharedHub({
    ...{ ...shared, parts },
    // It holds what it decrypts, so a key must be no older than its first look at who was erased.
    keyReader: createKeyReader(sql, subjectKeys, { isAfresh: true }),
    ...{ upcast: events.upcast, limits: hubLimits, signal: closing.signal },
  })
  const understand = (event: CommittedEvent) =>
    Object.hasOwn(events.definitions, event.type) ? events.upcast(event) : undefined

  const catalogTypes = Object.keys(events.definitions)
  const states = createStateReader(db, schema)
  const offsetsBefore = (epoch: number, moment: Date) => readOffsetsBefore(sql, schema, { epoch, moment })
  const hints = openHints(options, { broker, signal: closing.signal, logger })
  const defined = new WeakSet<object>()
  const liveOf = <TMetadata>(enrichment: Enrichment) => {
    type Enrich = Live<TCatalog, TMetadata, TDatabase, THints>['enrich']
    const live: Live<TCatalog, TMetadata, TDatabase, THints> = {
      enrichment,
      ...createSubscriptions<LiveEventOf<TCatalog, TMetadata>, TDatabase, HintOf<THints>>({
        ...{ catalogTypes, sharedHub: hub.open, states, offsetsBefore, hints, logger },
        closed: closing.signal,
      }),
      // What it finds is known to the signature alone.
      enrich: ((kind: string, enricher: AnyEnricher) =>
        liveOf({ ...enrichment, enrichers: { ...enrichment.enrichers, [kind]: enricher } })) as unknown as Enrich,
    }
    defined.add(live)
    return live
  }

  const append = createAppend(events, { ...outbox, subjectKeys })
  const checkEvents = createCheckEvents(events, outbox)
  const appendSql = createAppendSql(events, outbox)
  const appCheck = createAppCheck({ schema, app })
  /** What can't be appended is refused before anything is sent. */
  const checkFirst = async (trx: TransactionLike, list: Parameters<typeof append>[1]) => {
    checkTransaction(trx)
    await checkEvents(list)
    await appCheck.run(trx)
  }
  const inTransaction = createInTransaction(db)
  const releases = createReleaseRegistry({ schema, release: checkRelease(release) })
  // In a rebuild events are checked and get ids; the live projection has appended them.
  const appendChecked: typeof append = async (trx, list) => {
    if (isRebuilding(trx)) return checkEvents(list)
    if (!appCheck.isDone()) await checkFirst(trx, list)
    const ids = await append(trx, list)
    await releases.registerIn(trx)
    return ids
  }
  const defineGroup = (group: GroupWorker): GroupDefinition => {
    releases.define(group.name, group.types ?? catalogTypes)
    const definition = { group }
    defined.add(definition)
    return definition
  }
  const aggregates = createAggregates({ catalog: events, appCheck, outbox, subjectKeys, releases, logger })
  const run = createRun({
    ...shared,
    ...{ parts, defined, catalogTypes, release, understand, keyReader, closed: closing.signal, upcast: events.upcast },
    relay: { ...(listenTo !== undefined && { listenTo }), ...(retentionMs !== undefined && { retentionMs }) },
  })

  return {
    db,
    append: async (trx, list) => {
      aggregates.checkForeign(list)
      return appendChecked(trx, list)
    },
    ...defineSchedule({
      schedule: createSchedule(events, { ...outbox, subjectKeys, before: appCheck.run }),
      unschedule: createUnschedule({ schema }),
      checkEvent: async (event) => (await checkEvents(event))[0]!,
      releases,
    }),
    appendSql: async (list) => {
      aggregates.checkForeign(list)
      return appendSql(list)
    },
    aggregate: aggregates.define,
    once: createOnce({ schema, subjectKeys }),
    erase: createErase({ db, schema, append: appendChecked }),
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
      const untyped = project as unknown as Project<CommittedEvent, Transaction<TDatabase>>
      return defineGroup(createProjection({ name, project: untyped, options, transaction: inTransaction }))
    },
    handler(name, handles, options = {}) {
      const transaction = (act: (sql: Sql) => Promise<void>) => inTransaction((_, sql) => act(sql))
      return defineGroup(createHandler({ name, handles, options, transaction }))
    },
    process: createDefineProcess<TCatalog, Transaction<TDatabase>>({
      ...{ events, outbox: { ...outbox, subjectKeys }, defineGroup, onAppend: releases.registerIn },
      transaction: inTransaction,
    }),
    run,
    reached: (group, ids, options) => awaitReached(sql, { ...options, schema, group, ids }),
    health: () => readHealth(parts),
    async close() {
      parts.own.set('cast', () => ({ ready: false, trouble: 'closed' }))
      closing.abort()
      await hub.done()
      await aggregates.settled()
      await close()
    },
  }
}

/** Runs a worker's transactions: each waits for rows that others lock and sees what they committed, whatever the default is. */
function createInTransaction<TDatabase>(db: Kysely<TDatabase>) {
  return (act: (trx: Transaction<TDatabase>, sql: Sql) => Promise<void>): Promise<void> =>
    db
      .transaction()
      .setIsolationLevel('read committed')
      .execute((trx) => act(trx, sqlOf(trx)))
}

function openHints<TCatalog extends EventCatalog, TDatabase, THints extends HintCatalog>(
  { app, hints: catalog, hintsPerSecond }: CommitcastOptions<TCatalog, TDatabase, THints>,
  { broker, ...around }: { readonly broker: Broker; readonly signal: AbortSignal; readonly logger: Logger },
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
  return release === undefined ? undefined : checkWholeNumber('createCommitcast: "release"', release, { least: 0 })
}
