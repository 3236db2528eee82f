import { ConnectionBadge } from './board/connection-badge.tsx'
import { OrderBoard } from './board/order-board.tsx'
import { useBoard } from './board/use-board.ts'
import { OrderForm } from './order-form/order-form.tsx'

/** The shop's one screen: order on the left, watch all orders on the right. */
export function App() {
  const board = useBoard()
  return (
    <>
      <header className="masthead">
        <h1>
          The Commit <span className="ampersand">&amp;</span> Cast Bookshop
        </h1>
        <ConnectionBadge status={board.status} />
      </header>
      <main className="columns">
        <OrderForm />
        <OrderBoard orders={board.state} />
      </main>
    </>
  )
}
