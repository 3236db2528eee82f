/** The four states of an order, in their only order, and the event that leads to each. */
export const orderSteps = [
  { status: 'placed', event: 'order.placed' },
  { status: 'preparing', event: 'order.accepted' },
  { status: 'out for delivery', event: 'order.dispatched' },
  { status: 'delivered', event: 'order.delivered' },
] as const

export type OrderStatus = OrderStep['status']

type OrderStep = (typeof orderSteps)[number]
type OrderMove = Exclude<OrderStep, { status: 'placed' }>

/** The step after `status`; `undefined` after the last one. */
export function nextStep(status: OrderStatus): OrderMove | undefined {
  const index = orderSteps.findIndex((step) => step.status === status)
  return orderSteps.find((step, place): step is OrderMove => place === index + 1)
}

/** The status that an event of an order leads to. */
export function statusAfter(eventType: OrderStep['event']): OrderStatus {
  return orderSteps.find((step) => step.event === eventType)!.status
}
