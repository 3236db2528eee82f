import {
  type CommittedEvent,
  decodeData,
  decodeHeaders,
  type EventCatalog,
  type EventTypeOf,
  type StoredEvent,
} from '@commitcast/events'
import type { AggregateDefinition, AggregateEvent, Loaded } from './aggregate.ts'
import { EvolveFailed } from './evolve-failed.ts'
import { StreamUnreadable } from './stream-unreadable.ts'

/**
 * The state after the events that follow `from`, in their order. Throws `StreamUnreadable` for one that can't be read, and
 * `EvolveFailed` where a reducer throws.
 */
export function foldEvents<TCatalog extends EventCatalog, TState, TType extends EventTypeOf<TCatalog>>(
  definition: AggregateDefinition<TCatalog, TState, TType>,
  from: Loaded<TState>,
  events: readonly StoredEvent[],
): Loaded<TState> {
  let { state, version } = from
  for (const stored of events) {
    version++
    const event = readEvent(definition, stored, version)
    try {
      state = definition.evolve[event.type](state, event)
    } catch (cause) {
      throw new EvolveFailed({ aggregate: definition.name, key: stored.key, version, type: stored.type, cause })
    }
  }
  return { state, version }
}

function readEvent<TCatalog extends EventCatalog, TState, TType extends EventTypeOf<TCatalog>>(
  { name: aggregate, catalog, evolve }: AggregateDefinition<TCatalog, TState, TType>,
  stored: StoredEvent,
  version: number,
): AggregateEvent<TCatalog, TType> {
  const { id, type, key } = stored
  const which = { aggregate, key, version, type }
  if (!Object.hasOwn(evolve, type)) {
    throw new StreamUnreadable('its type has no reducer here; deploy the release that has one', which)
  }
  try {
    const event = { id, type, key, version, data: decodeData(stored), headers: decodeHeaders(stored) }
    // A step gets data alone: that the event has no offset here does not matter.
    return catalog.upcast(event as unknown as CommittedEvent) as unknown as AggregateEvent<TCatalog, TType>
  } catch (cause) {
    throw new StreamUnreadable(cause instanceof Error ? cause.message : String(cause), { ...which, cause })
  }
}
