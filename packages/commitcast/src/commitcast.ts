import type { Aggregate, AggregateOptions } from '@commitcast/aggregates'
import type { Broker } from '@commitcast/broker'
import type {
  Erased,
  EventCatalog,
  EventOf,
  EventTypeOf,
  HintCatalog,
  HintInputOf,
  HintOf,
  LiveEventOf,
} from '@commitcast/events'
import type { HubLimits, Subscriptions } from '@commitcast/live'
import type {
  Append,
  AppendSql,
  KeyProvider,
  Migrated,
  MigrateOptions,
  Once,
  Schedule,
  Unschedule,
} from '@commitcast/outbox'
import type {
  Enricher,
  Handle,
  HandlerOptions,
  MetadataOf,
  PersonalOf,
  Project,
  ProjectionOptions,
  ReachedOptions,
} from '@commitcast/stream'
import type { Logger } from '@commitcast/worker'
import type { Kysely, Transaction } from 'kysely'
import type { DefineProcess } from './define-process.ts'
import type { Erase } from './erase.ts'
import type { CastHealth } from './health.ts'
import type { GroupDefinition, LiveDefinition, RunOptions } from './run-options.ts'

/** A catalogue, a name, and Postgres: either its address, or the application's own Kysely instance and a broker. */
export type CommitcastOptions<
  TCatalog extends EventCatalog,
  TDatabase,
  THints extends HintCatalog = NoHints,
> = SharedOptions<TCatalog, THints> & (OwnConnection | GivenConnection<TDatabase>)

/** Commitcast opens a pool and a Kysely instance of its own, which `cast.db` is and `cast.close()` ends. */
export interface OwnConnection {
  /** `postgres://user:password@host:5432/database`. */
  readonly connectionString: string
  /** Default: `postgresBroker` on the same database. `cast.close()` closes it, too. */
  readonly broker?: Broker
  readonly db?: never
}

/** The application's own instance, which `cast.close()` leaves open. */
export interface GivenConnection<TDatabase> {
  /** The application's own Kysely instance on Postgres. */
  readonly db: Kysely<TDatabase>
  /** As `natsBroker()` or `postgresBroker()` returned it. `cast.close()` closes it. */
  readonly broker: Broker
  readonly connectionString?: never
}

interface SharedOptions<TCatalog extends EventCatalog, THints extends HintCatalog> {
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
  /** Where Commitcast's tables are; each app of a database has its own. Default `commitcast`. */
  readonly schema?: string
  /** The largest data of an event, in bytes of JSON; as large as `migrate` made the tables for. Default 786,432. */
  readonly maxEventBytes?: number
  /** Guards the keys that personal fields are encrypted with. Default `postgresKeys()`: they are in the table `subject_key`. */
  readonly keys?: KeyProvider
  /**
   * Numbers this release of the application, for example a build number; a larger one is newer. It decides which release of
   * a group handles more event types. Default: a set of types that no release had before is the newest; give a number where
   * a release may bring back types that the one before it had dropped.
   */
  readonly release?: number
  /**
   * The address of a direct connection (not through a pooler in transaction mode) for LISTEN, so that a sleeping relay is woken
   * at once. Default: `connectionString`; where `db` is given, none: the relay polls.
   */
  readonly listenTo?: string
  /** How long events stay in the outbox after their day has ended, at least a day. Default 7 days; `Infinity` keeps them. */
  readonly retentionMs?: number
  /** How much a process that serves subscriptions keeps for them, and how far behind clients may be. */
  readonly hub?: Partial<HubLimits>
  /** Default: warnings and errors, one JSON line each, on standard error. */
  readonly logger?: Logger
}

/** Of an app that declares none. */
export type NoHints = HintCatalog<Record<never, never>>

/**
 * What browsers see: events with metadata, on channels. Given to `cast.run` it is made by stream workers;
 * `subscription` makes tRPC subscriptions of it.
 */
export interface Live<TCatalog extends EventCatalog, TMetadata, TDatabase, THints extends HintCatalog = NoHints>
  extends LiveDefinition,
    Subscriptions<LiveEventOf<TCatalog, TMetadata>, TDatabase, HintOf<THints>> {
  /**
   * The same with one more kind of metadata: the id that an event needs, or an array of them, and one look-up for all ids of a
   * batch. Metadata that the look-up does not find is missing, and typed so; for an array of ids it is the list of what was found. Personal metadata
   * may be `Erased`.
   */
  enrich<TKind extends string, TIds, TFound>(
    kind: TKind,
    enricher: Enricher<EventOf<TCatalog>, TIds, TFound> & PersonalOf<EventOf<TCatalog>>,
  ): Live<TCatalog, TMetadata & { readonly [K in TKind]?: MetadataOf<TIds, TFound> | Erased }, TDatabase, THints>
  enrich<TKind extends string, TIds, TFound>(
    kind: TKind,
    enricher: Enricher<EventOf<TCatalog>, TIds, TFound>,
  ): Live<TCatalog, WithMetadata<TMetadata, TKind, MetadataOf<TIds, TFound>>, TDatabase, THints>
}

/** Metadata with one more kind. */
export type WithMetadata<TMetadata, TKind extends string, TValue> = {
  readonly [K in keyof TMetadata | TKind]?: K extends TKind ? TValue : K extends keyof TMetadata ? TMetadata[K] : never
}

export interface LiveOptions<TEvent> {
  /** The channels of an event: `order:42`, `catalog`. Without any, no client receives it. */
  readonly channels: (event: TEvent) => readonly string[]
}

export interface Commitcast<TCatalog extends EventCatalog, TDatabase, THints extends HintCatalog = NoHints> {
  /** The Kysely instance that was given; or Commitcast's own, on `connectionString`, for transactions of the application, too. */
  readonly db: Kysely<TDatabase>
  /** Appends events in the caller's transaction. */
  readonly append: Append<TCatalog>
  /** The same as a statement, for any other library to run in its transaction. */
  readonly appendSql: AppendSql<TCatalog>
  /** Schedules an event in the caller's transaction: the relay appends it once its time has passed. */
  readonly schedule: Schedule<TCatalog>
  /** Cancels a scheduled event in the caller's transaction. */
  readonly unschedule: Unschedule
  /** Does a command once per caller and idempotency key, in a transaction of yours; every later try gets the first one's answer. */
  readonly once: Once
  /** Erases a subject: its personal fields can't be read any more, anywhere that events reach. */
  readonly erase: Erase<TCatalog>
  /**
   * Sends a hint to the clients that follow a channel now, on all API nodes: `{ channel, type, sender, data }`. It is stored nowhere and may
   * get lost. Whether this caller may is for the mutation to say; `sender` is whose rate it counts for, and is sent to all.
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
   * Defines a process manager: instances with a state, and for each status what each event and each time-out does. A
   * transition is pure and returns data. The state, the events that it appends, its time-outs and the group's offset commit
   * together, so each input has its effect exactly once (P5); an instance takes one input at a time, also from several
   * partitions, in order per key.
   *
   * What a transition throws parks its event, and later events of the instance wait behind it. Throws `RangeError` or `TypeError` for a
   * definition that can't be used.
   *
   * @example
   * const reminder = cast
   *   .process('reminder', {
   *     state: stateType<Reminder>(),
   *     instance: { 'basket.filled': (event) => event.key, 'basket.paid': (event) => event.key },
   *     timeouts: ['patience'],
   *     ends: ['paid', 'reminded'],
   *   })
   *   .transitions({
   *     none: {
   *       'basket.filled': () => ({ state: { status: 'waiting' }, timeouts: { patience: { afterMs: 3_600_000 } } }),
   *       'basket.paid': 'ignore',
   *     },
   *     waiting: {
   *       'basket.filled': 'ignore',
   *       'basket.paid': () => ({ state: { status: 'paid' } }),
   *       'timeout:patience': () => ({ state: { status: 'reminded' }, append: { type: 'basket.abandoned', key, data: {} } }),
   *     },
   *   })
   */
  readonly process: DefineProcess<TCatalog>
  /**
   * Runs worker roles until the signal aborts; resolves when they have drained. Without `roles` these are the relay and all that
   * `use` needs. Outages are waited out. Rejects with
   * `CastMisused`, before anything is begun, where roles and `use` don't fit, `use` holds what this cast did not define, one of
   * them runs already, or the cast was closed.
   */
  run(options: RunOptions): Promise<void>
  /**
   * Defines an event-sourced aggregate: its state is what its events made of it, and its version decides between writers. Its
   * name is that of its streams. The types that `evolve` names are appended by it alone: `append` throws `InvalidEvent` for them.
   * Throws `CastMisused` for a name that is taken.
   *
   * @example
   * const room = cast.aggregate('room', {
   *   initial: (): Room => ({ isOpen: false }),
   *   evolve: { 'room.opened': (room) => ({ ...room, isOpen: true }) },
   * })
   * await room.execute(cast.db, 'r1', (room) => (room.isOpen ? [] : { type: 'room.opened', data: {} }))
   */
  aggregate<TState, TType extends EventTypeOf<TCatalog>>(
    name: string,
    options: AggregateOptions<TCatalog, TState, TType>,
  ): Aggregate<TCatalog, TState, TType>
  /**
   * Waits until a group has applied the events with these ids, as `append` returned them, so that what is read next shows them.
   * Call it after the transaction has committed. An event that the group does not handle, or that lies before its first offset,
   * counts as applied. Throws `NotReached` after `timeoutMs`, which names the events and why: no offset yet, behind, or parked;
   * and at once where an operator has dropped one.
   */
  reached(group: string, ids: readonly string[], options?: ReachedOptions): Promise<void>
  /** How this process is: `ready`, each part that runs, and each group by its name, as `health().groups.mail.parked`. */
  health(): CastHealth
  /**
   * Ends subscriptions and the hub, and closes the broker. Clients reconnect, to other nodes, and continue at their cursors:
   * their sockets close with 1012 and their streams end. A subscription over a WebSocket without `liveSockets` ends with
   * SERVICE_UNAVAILABLE. A pool that Commitcast opened ends, too. Call it when the process is done and `run` has resolved; to
   * move clients one after the other, drain before.
   */
  close(): Promise<void>
}
