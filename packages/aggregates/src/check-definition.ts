import { type EventCatalog, type EventTypeOf, InvalidEvent } from '@commitcast/events'
import { checkWholeNumber } from '@commitcast/worker'
import type { AggregateOptions } from './aggregate.ts'

/** Returns the version of the reducers. Throws for what the compiler would have refused. */
export function checkDefinition<TCatalog extends EventCatalog, TState, TType extends EventTypeOf<TCatalog>>(
  name: string,
  { initial, evolve, version = 1 }: AggregateOptions<TCatalog, TState, TType>,
  catalog: TCatalog,
): number {
  if (!/^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/.test(name) || name.length > 100) {
    throw new RangeError(
      `The name ${JSON.stringify(name)} of an aggregate can't be used: take words of letters, digits, "_" and "-" joined by dots, at most 100 characters.`,
    )
  }
  if (typeof initial !== 'function') {
    throw new TypeError(
      `aggregate "${name}": initial is a ${typeof initial}: give a function that returns the first state.`,
    )
  }
  for (const type of Object.keys(evolve)) {
    if (Object.hasOwn(catalog.definitions, type)) continue
    throw new InvalidEvent(
      `The aggregate "${name}" has a reducer of "${type}", which is not in the catalogue: add it to defineEvents().`,
    )
  }
  return checkWholeNumber(`aggregate "${name}": version`, version, { most: 2_147_483_647 })
}
