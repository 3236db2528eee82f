import type { OrderStatus } from '@commitcast/bookshop'
import { orderSteps } from '@commitcast/bookshop/order-status'

interface OrderProgressProps {
  readonly status: OrderStatus
  /** The id of the order's title. */
  readonly labelledBy: string
}

/** How far an order has come, of four steps. */
export function OrderProgress({ status, labelledBy }: OrderProgressProps) {
  const current = orderSteps.findIndex((step) => step.status === status)
  return (
    <div
      className="progress"
      role="progressbar"
      aria-labelledby={labelledBy}
      aria-valuemin={1}
      aria-valuemax={orderSteps.length}
      aria-valuenow={current + 1}
      aria-valuetext={labelOf(status)}
    >
      {orderSteps.map((step, index) => (
        <span key={step.status} className="step" data-is={index < current ? 'past' : index > current ? 'ahead' : 'now'}>
          {labelOf(step.status)}
        </span>
      ))}
    </div>
  )
}

function labelOf(status: OrderStatus): string {
  return status.charAt(0).toUpperCase() + status.slice(1)
}
