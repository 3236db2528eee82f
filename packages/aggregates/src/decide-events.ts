import type { EventCatalog, EventTypeOf } from '@commitcast/events'
import type { Decided, NewAggregateEvent } from './aggregate.ts'

/** What a command decides by a state, as a list. Throws `TypeError` for what is no event: a command is synchronous. */
export function decideEvents<TCatalog extends EventCatalog, TState, TType extends EventTypeOf<TCatalog>>(
  command: (state: TState) => Decided<TCatalog, TType>,
  state: TState,
): readonly NewAggregateEvent<TCatalog, TType>[] {
  const decided: unknown = command(state)
  if (decided === undefined) return []
  const events: readonly unknown[] = Array.isArray(decided) ? decided : [decided]
  const other = events.find((event) => typeof (event as { type?: unknown } | null)?.type !== 'string')
  if (other === undefined && !events.includes(undefined)) return events as readonly NewAggregateEvent<TCatalog, TType>[]
  const what = other instanceof Promise ? 'a promise' : JSON.stringify(other)?.slice(0, 80)
  throw new TypeError(
    `A command returned ${what}: it has to return an event, a list of events or undefined, at once. Read what it needs before.`,
  )
}
