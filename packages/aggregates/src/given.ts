import assert from 'node:assert/strict'
import {
  decodeData,
  decodeHeaders,
  type EventCatalog,
  type EventTypeOf,
  noteTypes,
  restoreTypes,
  type StoredEvent,
} from '@commitcast/events'
import { createToClearRows, noKeys } from '@commitcast/outbox'
import type { Aggregate, Decided, NewAggregateEvent } from './aggregate.ts'
import { decideEvents } from './decide-events.ts'
import { foldEvents } from './fold-events.ts'

/** What a command did, to be compared. Each throws an `AssertionError`, and returns the state after it. */
export interface Outcome<TEvent, TState> {
  /** It decided exactly these events, in this order. An `id` and `headers` are compared where they are named here. */
  thenAppends(...events: readonly [TEvent, ...TEvent[]]): Promise<TState>
  /** It threw an error of this class, message, or of these properties: `{ status: 403 }`. */
  thenThrows(expected?: ExpectedError): Promise<TState>
  /** It decided that nothing happens. */
  thenNothing(): Promise<TState>
}

type ExpectedError = RegExp | object | (new (...args: never[]) => Error) | ((error: unknown) => boolean)

/** The events that happened before. */
export interface Given<TEvent, TState, TCommand> {
  when(command: TCommand): Outcome<TEvent, TState>
}

/**
 * Tests a command of an aggregate without a database: `await given(room, opened).when(say('hi')).thenAppends(said)`. Events go
 * through the catalogue's schema and the reducers, as they do in the application. Each test also fails where the command
 * changed the state by itself, outside of `evolve`; where a reducer changed the state that it was given; and where the state
 * holds what a snapshot can't keep. Personal fields are in clear.
 */
export function given<TCatalog extends EventCatalog, TState, TType extends EventTypeOf<TCatalog>>(
  aggregate: Aggregate<TCatalog, TState, TType>,
  ...events: readonly NoInfer<NewAggregateEvent<TCatalog, TType>>[]
): Given<NewAggregateEvent<TCatalog, TType>, TState, (state: TState) => Decided<TCatalog, TType>> {
  type Event = NewAggregateEvent<TCatalog, TType>
  const { definition } = aggregate
  const encode = createEncode<TCatalog, Event>(definition.catalog)
  const first = () => ({ state: definition.initial(), version: 0, subjects: new Set<string>() })

  /** `decide` returns the events that the command decided by the state, after it has compared them. */
  const check = async (decide: (state: TState) => Promise<readonly StoredEvent[]>) => {
    const before = await encode(events)
    const loaded = foldEvents(definition, first(), before, noKeys)
    const decided = await decide(loaded.state)
    const { state } = foldEvents(definition, loaded, decided, noKeys)
    assert.deepEqual(asStored(state), state)
    assert.deepEqual(
      loaded.state,
      foldEvents(definition, first(), before, noKeys).state,
      'The command, or a reducer, changed the state that it was given: return another one.',
    )
    assert.deepEqual(
      state,
      foldEvents(definition, first(), [...before, ...decided], noKeys).state,
      'The same events made another state when they were read again: reducers have to be pure.',
    )
    return state
  }
  return {
    when(command) {
      const decided = (state: TState) => decideEvents<TCatalog, TState, TType>(command, state)
      return {
        thenAppends: (...expected) =>
          check(async (state) => {
            const stored = await encode(decided(state))
            assert.deepEqual(shown(stored, expected), shown(await encode(expected), expected))
            return stored
          }),
        thenThrows: (expected) =>
          check(async (state) => {
            const act = () => void decided(state)
            if (expected === undefined) assert.throws(act)
            else assert.throws(act, expected as RegExp)
            return []
          }),
        thenNothing: () =>
          check(async (state) => {
            assert.deepEqual(decided(state), [])
            return []
          }),
      }
    },
  }
}

interface Named {
  readonly id?: string
  readonly headers?: object
}

/** When all events of a test happen. */
const time = '2000-01-01T00:00:00.000000Z'

function createEncode<TCatalog extends EventCatalog, TEvent extends object>(catalog: TCatalog) {
  const toRows = createToClearRows(catalog)
  return async (events: readonly TEvent[]): Promise<readonly StoredEvent[]> => {
    const rows = await toRows(
      events.map((event) => ({ ...event, key: 'given' })) as unknown as Parameters<typeof toRows>[0],
    )
    return rows.map(({ data, headers, ...row }) => ({ ...row, time, body: data, headers: JSON.parse(headers) }))
  }
}

/** What is compared of events: of each, what the expected one at its place names. */
function shown(events: readonly StoredEvent[], expected: readonly Named[]) {
  return events.map((event, index) => ({
    type: event.type,
    data: decodeData(event),
    ...(expected[index]?.id !== undefined && { id: event.id }),
    ...(expected[index]?.headers !== undefined && { headers: decodeHeaders(event) }),
  }))
}

/** As a snapshot gives it back. Throws `InvalidValue` for a state that none can keep. */
function asStored(state: unknown): unknown {
  const { json, notes } = noteTypes(state)
  return json === undefined ? undefined : restoreTypes(JSON.parse(JSON.stringify(json)), notes)
}
