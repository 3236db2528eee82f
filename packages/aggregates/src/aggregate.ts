import type { EventCatalog, EventDataOf, EventHeaders, EventTypeOf } from '@commitcast/events'
import type { KyselyLike, NewEventOf, TransactionLike } from '@commitcast/outbox'

/**
 * What an aggregate is: how its state begins, and what each event makes of it. `TType` are its event types, those that `evolve`
 * names: it takes no other.
 */
export interface AggregateOptions<TCatalog extends EventCatalog, TState, TType extends EventTypeOf<TCatalog>> {
  /** The state before the first event. Say its type: `(): Room => ({ … })`. Called for each loading. */
  readonly initial: () => TState
  /**
   * By event type, the state after an event. A pure function: it returns the next state, leaves the one before as it is, and
   * makes the same of the same each time. Events of older schema versions are upcast first.
   */
  readonly evolve: {
    readonly [T in TType]: (state: NoInfer<TState>, event: AggregateEvent<TCatalog, T>) => NoInfer<TState>
  }
  /**
   * The version of `initial` and `evolve`. Raise it whenever they make another state of the same events: snapshots of other
   * versions are ignored. Default 1.
   */
  readonly version?: number
  /** When a snapshot of the state is stored. */
  readonly snapshot?: SnapshotOptions
}

/**
 * A snapshot spares the reading of the events before it. It is stored in the background, after the commit, and never makes a
 * command fail: what goes wrong is logged with the code AGGREGATE_SNAPSHOT_FAILED. The state may hold what events may: plain
 * values, Dates, Maps, Sets, BigInts.
 */
export interface SnapshotOptions {
  /** After how many events. Default 100. */
  readonly every?: number
  /** Also where the first event after the last snapshot is older than so many milliseconds. Default: never. */
  readonly afterMs?: number
}

/** An event of an aggregate, as `evolve` gets it. */
export type AggregateEvent<TCatalog extends EventCatalog, TType extends EventTypeOf<TCatalog>> = {
  readonly [T in TType]: {
    readonly id: string
    readonly type: T
    readonly key: string
    /** Its number in the stream of the aggregate, gapless from 1. */
    readonly version: number
    readonly data: EventDataOf<TCatalog, T>
    readonly headers: EventHeaders
  }
}[TType]

/** An event to be appended to an aggregate, whose key it gets. */
export type NewAggregateEvent<TCatalog extends EventCatalog, TType extends EventTypeOf<TCatalog>> = {
  readonly [T in TType]: Omit<NewEventOf<TCatalog, T>, 'key'>
}[TType]

/** What a command decides: one event, several, or none. */
export type Decided<TCatalog extends EventCatalog, TType extends EventTypeOf<TCatalog>> =
  | NewAggregateEvent<TCatalog, TType>
  | readonly NewAggregateEvent<TCatalog, TType>[]
  | undefined

/**
 * The type of an aggregate's commands: `const say = (text: string): CommandOf<typeof room> => (state) => …`. A command decides
 * by the state which events happen, and throws where it can't be done. A pure function: after a conflict it is called again.
 */
export type CommandOf<TAggregate> =
  TAggregate extends Aggregate<infer TCatalog, infer TState, infer TType>
    ? (state: TState) => Decided<TCatalog, TType>
    : never

export interface Loaded<TState> {
  readonly state: TState
  /** Of the last event that the state shows; 0 before the first. */
  readonly version: number
}

export interface Appended {
  /** Of the last event. */
  readonly version: number
  /** Of the events, for `cast.reached`. */
  readonly ids: readonly string[]
}

/** What a command led to; `ids` is empty where it decided that nothing happens. */
export interface Executed<TState> extends Loaded<TState>, Appended {}

export interface LoadOptions {
  /** Ends it between two readings. */
  readonly signal?: AbortSignal
}

type Headers = NonNullable<NewEventOf<EventCatalog, string>['headers']>

export interface AppendToOptions {
  /** The version that the decision was made by: 0 for an aggregate without events. */
  readonly expectedVersion: number
  /** For all events: `causationOf(ctx.command)`. An event's own come first. */
  readonly headers?: Headers
}

export interface ExecuteOptions extends LoadOptions {
  /** For all events: `causationOf(ctx.command)`. An event's own come first. */
  readonly headers?: Headers
  /** How often the command is decided at most, where other writers come first. Default 10. In a transaction it is once. */
  readonly attempts?: number
}

/** What `given` of `commitcast/testing` needs to know of an aggregate. */
export interface AggregateDefinition<TCatalog extends EventCatalog, TState, TType extends EventTypeOf<TCatalog>>
  extends Pick<AggregateOptions<TCatalog, TState, TType>, 'initial' | 'evolve'> {
  readonly name: string
  readonly catalog: TCatalog
}

/**
 * An event-sourced aggregate: for each key a stream of events with gapless versions, kept for good, and a state that is
 * nothing but what the events made of it. The same transaction appends the events to the outbox, with the same ids and with the
 * aggregate's key, in the order of their versions.
 */
export interface Aggregate<TCatalog extends EventCatalog, TState, TType extends EventTypeOf<TCatalog>> {
  readonly definition: AggregateDefinition<TCatalog, TState, TType>
  /**
   * Reads the newest snapshot and the events after it. In a transaction it sees what that one sees. Throws `StreamUnreadable` for
   * an event that can't be read here: its type has no reducer, its schema version is newer, its data is damaged; it
   * passes none over. Throws `EvolveFailed` where a reducer throws.
   */
  load(db: KyselyLike | TransactionLike, key: string, options?: LoadOptions): Promise<Loaded<TState>>
  /**
   * Appends events where the aggregate is at `expectedVersion`: in the caller's transaction, or outside of one committed by
   * itself. Throws `VersionConflict` where it is at another version, and `InvalidEvent` for what can't be appended; the
   * transaction can continue. Of no events it asks nothing.
   */
  append(
    db: KyselyLike | TransactionLike,
    key: string,
    events: NewAggregateEvent<TCatalog, TType> | readonly NewAggregateEvent<TCatalog, TType>[],
    options: AppendToOptions,
  ): Promise<Appended>
  /**
   * Loads the state, has the command decide by it, and appends what it decided; nothing is written where that is nothing.
   *
   * Outside of a transaction it commits by itself. Where another writer came first it reads what that one appended, and the
   * command decides again: up to `attempts` times, after pauses with full jitter of at most 5 ms, then 10 ms, 20 ms and so on up
   * to 250 ms, until `signal` aborts. Then it throws the last `VersionConflict`.
   *
   * In a transaction, also that of a `pg` client, it is tried once, and throws `VersionConflict`: roll back and begin again.
   * Such a transaction stores no snapshot.
   *
   * Throws what the command throws, and what `load` and `append` do.
   */
  execute(
    db: KyselyLike | TransactionLike,
    key: string,
    command: (state: TState) => Decided<TCatalog, TType>,
    options?: ExecuteOptions,
  ): Promise<Executed<TState>>
}
