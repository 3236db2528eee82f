import type { BoardOrder } from '@commitcast/bookshop'
import { nextStep } from '@commitcast/bookshop/order-status'
import { useMutation } from '@tanstack/react-query'
import { trpc } from '../trpc.ts'
import { errorWords } from '../words/error-words.ts'

interface MoveOnProps {
  readonly order: BoardOrder
  /** The id of the order's title. */
  readonly describedBy: string
}

/** The staff's button: brings an order to its next step. Gone when there is none. */
export function MoveOn({ order, describedBy }: MoveOnProps) {
  const move = useMutation({
    mutationFn: (from: BoardOrder['status']) => trpc.orders.move.mutate({ id: order.id, from }),
  })
  if (!nextStep(order.status)) return null
  // The answer may come before the event that changes the row; until then the button would ask for the same step again.
  const isAsked = move.variables === order.status
  const isMoving = isAsked && (move.isPending || move.isSuccess)
  return (
    <>
      <button
        type="button"
        className="move-on"
        aria-describedby={describedBy}
        disabled={isMoving}
        onClick={() => move.mutate(order.status)}
      >
        Move on
      </button>
      {isAsked && move.isError && (
        <p className="trouble" role="alert">
          {errorWords(move.error)}
        </p>
      )}
    </>
  )
}
