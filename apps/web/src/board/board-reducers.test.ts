import type { BoardOrder } from '@commitcast/bookshop'
import { expect, test } from 'vitest'
import { type BoardEvent, boardReducers, boardSize } from './board-reducers.ts'

type Placed = Extract<BoardEvent, { type: 'order.placed' }>

const place = boardReducers['order.placed']!
const accept = boardReducers['order.accepted']!
const dispatch = boardReducers['order.dispatched']!
const deliver = boardReducers['order.delivered']!

const around = (key: string) => ({
  id: `event-${key}`,
  key,
  headers: { time: '2024-05-01T12:00:00Z' },
  epoch: 1,
  partition: 0,
  offset: 1,
  tx: '7',
  metadata: { customer: { name: 'Ada Quill', city: 'London' }, book: { title: 'Emma', author: 'Jane Austen' } },
})

const minute = (number: number) => new Date(Date.UTC(2024, 4, 1, 12, number))

function placed(key: string, placedAt: Date): Placed {
  const data = { customerId: 'ada', bookId: 3, quantity: 2, totalCents: 2480, placedAt }
  return { ...around(key), type: 'order.placed', data }
}

function moved<TType extends Exclude<BoardEvent['type'], 'order.placed'>>(type: TType, key: string) {
  return { ...around(key), type, data: { customerId: 'ada', bookId: 3 } }
}

function order(id: string, placedAt = minute(0), status: BoardOrder['status'] = 'placed'): BoardOrder {
  return { id, status, quantity: 1, totalCents: 1240, placedAt, customerName: 'Hanna Lehti', bookTitle: 'Villette' }
}

const ids = (board: readonly BoardOrder[]) => board.map(({ id }) => id)

test('a new order comes first, with the names from its metadata', () => {
  expect(place([order('a', minute(1))], placed('b', minute(2)))[0]).toEqual({
    id: 'b',
    status: 'placed',
    quantity: 2,
    totalCents: 2480,
    placedAt: minute(2),
    customerName: 'Ada Quill',
    bookTitle: 'Emma',
  })
})

test('an order without metadata has some reader and some book', () => {
  const [first] = place([], { ...placed('a', minute(1)), metadata: {} })
  expect(first).toMatchObject({ customerName: 'a reader', bookTitle: 'a book' })
})

test('an order whose event was overtaken takes its place by time', () => {
  const board = [order('d', minute(4)), order('c', minute(3)), order('a', minute(1))]
  expect(ids(place(board, placed('b', minute(2))))).toEqual(['d', 'c', 'b', 'a'])
  expect(ids(place(board, placed('0', minute(0))))).toEqual(['d', 'c', 'a', '0'])
})

test('an order that is on the board already is not added again and keeps its status', () => {
  const board = [order('a', minute(1), 'preparing')]
  expect(place(board, placed('a', minute(1)))).toBe(board)
})

test('the board keeps the newest orders only', () => {
  const full = Array.from({ length: boardSize }, (_, index) => order(`old-${index}`, minute(50 - index)))
  const board = place(full, placed('new', minute(59)))
  expect(board).toHaveLength(boardSize)
  expect(ids(board)).toEqual(['new', ...ids(full).slice(0, -1)])
  expect(ids(place(full, placed('too old', minute(-1))))).toEqual(ids(full))
})

test('each step changes the status of its order and of no other', () => {
  const board = [order('a'), order('b')]
  const accepted = accept(board, moved('order.accepted', 'b'))
  const dispatched = dispatch(accepted, moved('order.dispatched', 'b'))
  const delivered = deliver(dispatched, moved('order.delivered', 'b'))
  expect([accepted, dispatched, delivered].map((state) => state[1]!.status)).toEqual([
    'preparing',
    'out for delivery',
    'delivered',
  ])
  expect(delivered[0]).toBe(board[0])
  expect(board[1]!.status).toBe('placed')
})

test('an event of an order that is not on the board leaves the board as it is', () => {
  const board = [order('a')]
  expect(deliver(board, moved('order.delivered', 'z'))).toBe(board)
})
