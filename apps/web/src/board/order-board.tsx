import type { BoardOrder } from '@commitcast/bookshop'
import { useState } from 'react'
import { OrderRow } from './order-row.tsx'

/** All orders, newest first, as they happen. */
export function OrderBoard({ orders }: { readonly orders: readonly BoardOrder[] | undefined }) {
  return (
    <section className="board" aria-labelledby="board-title">
      <h2 id="board-title">Orders, live</h2>
      {orders === undefined && <p className="hint">Opening the ledger…</p>}
      {orders?.length === 0 && <p className="hint">Nothing ordered yet. The first order will show up here.</p>}
      {orders && <OrderList orders={orders} />}
    </section>
  )
}

function OrderList({ orders }: { readonly orders: readonly BoardOrder[] }) {
  const [before] = useState(() => new Map(orders.map((order) => [order.id, order.status])))
  return (
    <ol className="orders" aria-labelledby="board-title">
      {orders.map((order) => (
        <OrderRow key={order.id} order={order} isNews={before.get(order.id) !== order.status} />
      ))}
    </ol>
  )
}
