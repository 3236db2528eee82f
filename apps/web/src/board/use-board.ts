import { useLiveQuery } from '@commitcast/client/react'
import { trpc } from '../trpc.ts'
import { boardReducers, boardSize } from './board-reducers.ts'

/** The newest orders, as they are now. */
export function useBoard() {
  return useLiveQuery(trpc.orders.board, { limit: boardSize }, boardReducers)
}
