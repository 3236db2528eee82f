import type { EventCatalog, EventOf, EventTypeOf } from '@commitcast/events'
import type { NewEvent } from '@commitcast/outbox'
import type { GroupOptions } from '../groups/group.ts'

/** What a process knows of one instance. `status` says which inputs it can take; the rest is the application's own. */
export interface ProcessState {
  readonly status: string
}

/** Carries the type of a process's state, and nothing at run time. */
export interface StateType<TState extends ProcessState> {
  readonly '~state'?: TState
}

/**
 * Names the type of a process's state, a union distinguished by `status`: `state: stateType<Purchase>()`. The state is stored in
 * clear and `cast.erase` does not reach it, so keep no personal values in it: keep an id, and read the rest where it is needed.
 */
export function stateType<TState extends ProcessState>(): StateType<TState> {
  return {}
}

/** When a time-out fires: so long after the transition has run, or at a time; both by the database's clock. */
export type TimeoutAt = { readonly afterMs: number } | { readonly at: Date }

/** A time-out that fired, as a transition gets it. */
export interface FiredTimeout<TName extends string = string> {
  readonly name: TName
  /** The time that it was set to: ISO 8601 in UTC. */
  readonly dueAt: string
}

/** What a transition returns, as data: nothing is done before it commits together with the group's offset. */
export interface ProcessStep<TCatalog extends EventCatalog, TState, TTimeout extends string> {
  /** The next state. Default: it stays as it is. */
  readonly state?: TState
  /** Events to append. Their causation is the input, unless their headers say otherwise. */
  readonly append?: NewEvent<TCatalog> | readonly NewEvent<TCatalog>[]
  /** Time-outs by name: one that is set again is replaced. `cancel` for one that is not set does nothing. */
  readonly timeouts?: { readonly [T in TTimeout]?: TimeoutAt | 'cancel' }
}

/** The step that creates an instance. */
export interface ProcessStart<TCatalog extends EventCatalog, TState, TTimeout extends string>
  extends ProcessStep<TCatalog, TState, TTimeout> {
  readonly state: TState
}

/**
 * What an event does for whose instance there is none yet: a function creates the instance; `ignore` passes it over; `hold`
 * keeps it until the instance is created, and gives it to the instance then; `park` sets it aside for an operator.
 */
export type WithoutInstance<TEvent, TStart> = ((event: TEvent) => TStart) | 'ignore' | 'hold' | 'park'

/** What an input does in one status. Pure: it reads no clock and calls nothing; it may run several times. */
export type Transition<TState, TInput, TStep> = ((state: TState, input: TInput) => TStep) | 'ignore'

/** Every status that is no end, with every input; and `none`, where there is no instance yet, with every event. */
export type Transitions<
  TCatalog extends EventCatalog,
  TState extends ProcessState,
  TInput extends EventTypeOf<TCatalog>,
  TTimeout extends string,
  TEnd extends string,
> = {
  readonly none: {
    readonly [T in TInput]: WithoutInstance<EventOf<TCatalog, T>, ProcessStart<TCatalog, TState, TTimeout>>
  }
} & {
  readonly [S in Exclude<TState['status'], TEnd>]: StatusTransitions<
    TCatalog,
    TState,
    Extract<TState, { readonly status: S }>,
    TInput,
    TTimeout
  >
}

type StatusTransitions<
  TCatalog extends EventCatalog,
  TState extends ProcessState,
  TFrom,
  TInput extends EventTypeOf<TCatalog>,
  TTimeout extends string,
> = {
  readonly [T in TInput]: Transition<TFrom, EventOf<TCatalog, T>, ProcessStep<TCatalog, TState, TTimeout>>
} & {
  readonly [T in TTimeout as `timeout:${T}`]: Transition<
    TFrom,
    FiredTimeout<T>,
    ProcessStep<TCatalog, TState, TTimeout>
  >
}

/** A process manager: which events it takes, for which instance; its statuses and time-outs. */
export interface ProcessDefinition<
  TCatalog extends EventCatalog,
  TState extends ProcessState,
  TInput extends EventTypeOf<TCatalog>,
  TTimeout extends string,
  TEnd extends TState['status'],
> extends ProcessOptions {
  readonly state: StateType<TState>
  /**
   * The id of the instance that an event is for, 1 to 500 characters; `undefined` where it is for none. Several instances
   * live side by side; each takes its events one after the other, also from several partitions.
   */
  readonly instance: { readonly [T in TInput]: (event: EventOf<TCatalog, T>) => string | undefined }
  /** The names of its time-outs. Default: none. */
  readonly timeouts?: readonly TTimeout[]
  /** The statuses in which an instance is finished: its time-outs are cancelled, and later inputs are ignored and counted. */
  readonly ends: readonly TEnd[]
  /** The version of the state's shape, from 1 on. Default 1. */
  readonly version?: number
  /** By version, the step from a state of that version to the next one. */
  readonly upcast?: { readonly [version: number]: (state: never) => unknown }
}

/** How a process goes about its work. `maxBatch` is 200 unless it says otherwise. */
export interface ProcessOptions extends GroupOptions {
  /** Whether an event that creates instances begins a finished one anew. Default `false`: it is ignored, as any other. */
  readonly restarts?: boolean
  /** How many events may be held for one instance that does not exist yet; the next is parked. Default 100. */
  readonly maxHeld?: number
  /** How long an event is held; after that it is parked. Default 86,400,000: a day. */
  readonly holdMs?: number
  /** How long the history of transitions and finished instances are kept. Default 30 days. */
  readonly historyMs?: number
}
