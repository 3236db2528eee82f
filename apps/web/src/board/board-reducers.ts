import type { BoardOrder } from '@commitcast/bookshop'
import { statusAfter } from '@commitcast/bookshop/order-status'
import type { EventOf, StateOf } from '@commitcast/client'
import type { Reducers } from '@commitcast/client/react'
import type { trpc } from '../trpc.ts'

type BoardQuery = typeof trpc.orders.board
type Board = StateOf<BoardQuery>

/** What the board does with each event of an order. */
export type BoardEvent = EventOf<BoardQuery>

type Placed = Extract<BoardEvent, { type: 'order.placed' }>
type Moved = Exclude<BoardEvent, Placed>

/** How many orders the board shows, the newest ones. */
export const boardSize = 50

/** The board after each event. Orders that it does not show stay unshown, and one that it shows is not added again. */
export const boardReducers: Reducers<Board, BoardEvent> = {
  'order.placed': addOrder,
  'order.accepted': moveOrder,
  'order.dispatched': moveOrder,
  'order.delivered': moveOrder,
}

function addOrder(board: Board, event: Placed): Board {
  if (board.some((order) => order.id === event.key)) return board
  const order = orderOf(event)
  // Events of different orders may overtake each other; the state that the server reads has them by time.
  const older = board.findIndex((other) => other.placedAt <= order.placedAt)
  const place = older === -1 ? board.length : older
  return [...board.slice(0, place), order, ...board.slice(place)].slice(0, boardSize)
}

function orderOf({ key, data, metadata }: Placed): BoardOrder {
  return {
    id: key,
    status: statusAfter('order.placed'),
    quantity: data.quantity,
    totalCents: data.totalCents,
    placedAt: data.placedAt,
    customerName: metadata.customer?.name ?? 'a reader',
    bookTitle: metadata.book?.title ?? 'a book',
  }
}

function moveOrder(board: Board, event: Moved): Board {
  if (!board.some((order) => order.id === event.key)) return board
  const status = statusAfter(event.type)
  return board.map((order) => (order.id === event.key ? { ...order, status } : order))
}
