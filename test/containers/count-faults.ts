import { orderEvents } from './keep-ordering.ts'

/** One event as somebody saw it. */
export interface Sighting {
  readonly key: string
  readonly type: string
}

export const noFaults = { lost: 0, duplicated: 0, outOfOrder: 0, unknown: 0 }

/** What is wrong with a list of events, in the order seen, where each of `orders` has gone all its way and no other is there. */
export function countFaults(seen: readonly Sighting[], orders: readonly string[]): typeof noFaults {
  const faults = { ...noFaults }
  const byOrder = Map.groupBy(seen, ({ key }) => key)
  for (const order of orders) {
    const types = (byOrder.get(order) ?? []).map(({ type }) => type)
    const once = [...new Set(types)]
    const expected = orderEvents.filter((type) => once.includes(type))
    faults.lost += orderEvents.length - expected.length
    faults.unknown += once.length - expected.length
    faults.duplicated += types.length - once.length
    if (once.some((type, index) => type !== expected[index])) faults.outOfOrder += 1
    byOrder.delete(order)
  }
  faults.unknown += [...byOrder.values()].flat().length
  return faults
}
