import type { BoardOrder } from '@commitcast/bookshop'
import { clockTime } from '../words/clock-time.ts'
import { euros } from '../words/euros.ts'
import { shortId } from '../words/short-id.ts'
import { MoveOn } from './move-on.tsx'
import { OrderProgress } from './order-progress.tsx'

interface OrderRowProps {
  readonly order: BoardOrder
  /** It came or changed while the page was open. */
  readonly isNews: boolean
}

/** One order of the board. */
export function OrderRow({ order, isNews }: OrderRowProps) {
  const titleId = `order-${order.id}`
  return (
    <li className="order" data-order-id={order.id} data-status={order.status}>
      {isNews && <span key={order.status} className="highlight" aria-hidden="true" />}
      <h3 id={titleId}>
        {order.quantity > 1 && <span className="quantity">{order.quantity} × </span>}
        <cite>{order.bookTitle}</cite>
      </h3>
      <p className="total">{euros(order.totalCents)}</p>
      <p className="about">
        for <b>{order.customerName}</b>, placed{' '}
        <time dateTime={order.placedAt.toISOString()}>{clockTime(order.placedAt)}</time>, no.{' '}
        <span className="id">{shortId(order.id)}</span>
      </p>
      <OrderProgress status={order.status} labelledBy={titleId} />
      <MoveOn order={order} describedBy={titleId} />
    </li>
  )
}
