import type { EventCatalog, EventTypeOf } from '@commitcast/events'
import {
  appendAll,
  createToClearRows,
  createToRows,
  type EventRow,
  type NewEvent,
  type NewEventOf,
  sqlIn,
  type ToRowsOptions,
  type TransactionLike,
} from '@commitcast/outbox'
import {
  createProcess,
  type GroupWorker,
  type ProcessDefinition,
  type ProcessState,
  type Transitions,
} from '@commitcast/stream'
import type { TestedProcess } from '@commitcast/stream/testing'
import type { Sql } from '@commitcast/worker'
import type { GroupDefinition } from './run-options.ts'

/** A process that lacks its transitions. */
export interface ProcessWithoutTransitions<
  TCatalog extends EventCatalog,
  TState extends ProcessState,
  TInput extends EventTypeOf<TCatalog>,
  TTimeout extends string,
  TEnd extends string,
> {
  /**
   * Says what each input does in each status: a pure function, or `ignore`. Each pair has to be there, or it does not compile.
   * The result is given to `cast.run`.
   */
  transitions(
    transitions: Transitions<TCatalog, TState, TInput, TTimeout, TEnd>,
  ): ProcessGroup<NewEventOf<TCatalog, TInput>, TState, NewEvent<TCatalog>>
}

/** A process manager. Given to `cast.run`, workers with the role `consume` run it. */
export interface ProcessGroup<TEvent, TState extends ProcessState, TOutput> extends GroupDefinition {
  /** Its rules, for tests (`givenProcess`). */
  readonly process: TestedProcess<TEvent, TState, TOutput>
}

/** Defines a process; see `Commitcast.process`. */
export type DefineProcess<TCatalog extends EventCatalog> = <
  TState extends ProcessState,
  TInput extends EventTypeOf<TCatalog>,
  const TTimeout extends string = never,
  const TEnd extends TState['status'] = never,
>(
  name: string,
  definition: ProcessDefinition<TCatalog, TState, TInput, TTimeout, TEnd>,
) => ProcessWithoutTransitions<TCatalog, TState, TInput, TTimeout, TEnd>

export interface DefineProcessOptions<TCatalog extends EventCatalog, TTransaction extends TransactionLike> {
  readonly events: TCatalog
  readonly outbox: ToRowsOptions & { readonly schema: string }
  /** Runs `act` in one transaction of the database. */
  readonly transaction: (act: (trx: TTransaction, sql: Sql) => Promise<void>) => Promise<void>
  /** Called in each transaction that appends events. */
  readonly onAppend: (trx: TTransaction) => Promise<void>
  readonly defineGroup: (group: GroupWorker) => GroupDefinition
}

/** Makes `cast.process`. */
export function createDefineProcess<TCatalog extends EventCatalog, TTransaction extends TransactionLike>(
  options: DefineProcessOptions<TCatalog, TTransaction>,
): DefineProcess<TCatalog> {
  const { events, outbox, transaction, onAppend, defineGroup } = options
  const toRows = createToRows(events, outbox)
  const toClearRows = createToClearRows(events, outbox)
  const append = async (trx: TTransaction, rows: readonly EventRow[]) => {
    const { text, values } = appendAll(outbox.schema, rows)
    await sqlIn(trx).query(text, values)
    await onAppend(trx)
  }
  return (name, definition) => ({
    transitions: (transitions) => {
      const process = createProcess({
        ...{ name, transaction, append, encode: toRows },
        definition: definition as never,
        rules: transitions as never,
      })
      return Object.assign(defineGroup(process), { process: { machine: process.machine, encode: toClearRows } })
    },
  })
}
