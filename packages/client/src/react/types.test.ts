import type { Envelope } from '@commitcast/events'
import { expect, test } from 'vitest'
import type { Callbacks, Subscription } from '../live-procedure.ts'
import { createLiveStore } from '../live-store.ts'
import { useLiveMutation } from './use-live-mutation.ts'
import { useLiveQuery } from './use-live-query.ts'

interface Order {
  readonly id: string
  readonly status: 'placed' | 'delivered'
  readonly title: string
}
type OrderEvent =
  | { readonly type: 'order.placed'; readonly key: string; readonly data: { readonly title: string } }
  | { readonly type: 'order.delivered'; readonly key: string; readonly data: object }
type Sent = Envelope<OrderEvent, readonly Order[]>

const input = { customerId: 'ada' }

interface OrdersProcedure {
  subscribe(input: { readonly customerId: string }, callbacks: Partial<Callbacks<Sent>>): Subscription
}
interface DeliverProcedure {
  mutate(input: { readonly id: string }): Promise<void>
}

/** What compiles: no `as const` is needed. Not run. */
export function useIt(orders: OrdersProcedure, deliver: DeliverProcedure) {
  const query = useLiveQuery(orders, input, {
    'order.placed': (list, { key, data }) => [...list, { id: key, ...data, status: 'placed' }],
    'order.delivered': (list, { key }) =>
      list.map((order) => (order.id === key ? { ...order, status: 'delivered' } : order)),
  })
  const store = createLiveStore(() => ({
    procedure: orders,
    input,
    reducers: { 'order.placed': (list, { key, data }) => [...list, { id: key, ...data, status: 'placed' }] },
  }))
  useLiveMutation(query, deliver, {
    expect: (list, { id }) => [...list, { id, status: 'placed', title: 'Emma' }],
  })
  const sent = query.optimistic({
    expect: (list) => [...list, { id: '1', status: 'placed', title: 'Emma' }],
    send: async () => 1,
  })
  return [store.view().state satisfies readonly Order[] | undefined, sent satisfies Promise<number>]
}

/** What does not. Not run. */
export function useItWrongly(orders: OrdersProcedure, deliver: DeliverProcedure) {
  useLiveQuery(orders, input, {
    // @ts-expect-error a typo of the type is an error of the type
    'order.plced': () => [],
    'order.delivered': (list) => list,
  })
  createLiveStore(() => ({
    procedure: orders,
    input,
    reducers: {
      // @ts-expect-error here, too
      'order.plced': () => [],
    },
  }))
  useLiveQuery(orders, input, {
    // @ts-expect-error an order has no such field, which is an error of this reducer
    'order.placed': (list, { key, data }) => [...list, { id: key, titel: data.title, status: 'placed' }],
    'order.delivered': (list) => list,
  })
  useLiveQuery(orders, input, {
    'order.placed': (list, event) =>
      // @ts-expect-error nor has the event
      [...list, { id: event.key, title: event.data.titel, status: 'placed' }],
  })
  const query = useLiveQuery(orders, input, {})
  useLiveMutation(query, deliver, {
    // @ts-expect-error a typo of a status is an error of that line
    expect: (list, { id }) => [...list, { id, status: 'placd', title: 'Emma' }],
  })
  useLiveMutation(query, deliver, {
    // @ts-expect-error the command has no such input
    expect: (list, { key }) => list.filter((order) => order.id !== key),
  })
}

test('what the compiler takes and what it refuses stands above', () => {
  expect([useIt, useItWrongly]).toHaveLength(2)
})
