import {
  type CommittedEvent,
  decodeData,
  decodeHeaders,
  type EventCatalog,
  type EventTypeOf,
  type StoredEvent,
} from '@commitcast/events'
import { decryptEvent, type Keys, subjectsOf } from '@commitcast/outbox'
import type { AggregateDefinition, AggregateEvent, Loaded } from './aggregate.ts'
import { EvolveFailed } from './evolve-failed.ts'
import { StreamUnreadable } from './stream-unreadable.ts'

/** A state, and whose personal fields it was made of. */
export interface Folded<TState> extends Loaded<TState> {
  /** Those that could be decrypted. */
  readonly subjects: ReadonlySet<string>
}

/**
 * The state after the events that follow `from`, in their order, decrypted with these keys. Throws `StreamUnreadable` for one that can't be read, and
 * `EvolveFailed` where a reducer throws.
 */
export function foldEvents<TCatalog extends EventCatalog, TState, TType extends EventTypeOf<TCatalog>>(
  definition: AggregateDefinition<TCatalog, TState, TType>,
  from: Folded<TState>,
  events: readonly StoredEvent[],
  keys: Keys,
): Folded<TState> {
  let { state, version } = from
  const subjects = new Set(from.subjects)
  for (const stored of events) {
    version++
    const event = readEvent(definition, stored, { version, keys })
    for (const subject of subjectsOf(stored)) if (keys.has(subject)) subjects.add(subject)
    try {
      state = definition.evolve[event.type](state, event)
    } catch (cause) {
      throw new EvolveFailed({ aggregate: definition.name, key: stored.key, version, type: stored.type, cause })
    }
  }
  return { state, version, subjects }
}

function readEvent<TCatalog extends EventCatalog, TState, TType extends EventTypeOf<TCatalog>>(
  { name: aggregate, catalog, evolve }: AggregateDefinition<TCatalog, TState, TType>,
  stored: StoredEvent,
  { version, keys }: { readonly version: number; readonly keys: Keys },
): AggregateEvent<TCatalog, TType> {
  const { id, type, key } = stored
  const which = { aggregate, key, version, type }
  if (!Object.hasOwn(evolve, type)) {
    throw new StreamUnreadable('its type has no reducer here; deploy the release that has one', which)
  }
  try {
    const decoded = { id, type, key, version, data: decodeData(stored), headers: decodeHeaders(stored) }
    const event = decryptEvent(decoded, stored, keys)
    // A step gets data alone: that the event has no offset here does not matter.
    return catalog.upcast(event as unknown as CommittedEvent) as unknown as AggregateEvent<TCatalog, TType>
  } catch (cause) {
    throw new StreamUnreadable(cause instanceof Error ? cause.message : String(cause), { ...which, cause })
  }
}
