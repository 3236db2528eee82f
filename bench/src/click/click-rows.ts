import { allOrders, ordersOf } from './shop.ts'

/** Who follows what, and how many events there are. */
export interface ClickRow {
  readonly name: string
  readonly eventsPerSecond: number
  /** What the `n`-th client follows, from 0 on. */
  readonly channelOf: (n: number) => string
  /** How many clients hear of an event. */
  readonly audience: number
}

export const followers = 100

// Orders are of as many customers, by turns: the `n`-th client's is `c-<n>`.
export const rows = [
  { name: 'a channel each', eventsPerSecond: 500, channelOf: (n) => ordersOf(`c-${n}`), audience: 1 },
  { name: 'one channel', eventsPerSecond: 50, channelOf: () => allOrders, audience: followers },
] as const satisfies readonly ClickRow[]
