import { errorWords, isUnanswered } from '../words/error-words.ts'
import { shortId } from '../words/short-id.ts'

interface PlacingResultProps {
  readonly orderId: string | undefined
  readonly error: Error | null
}

/** What became of the order that was sent. */
export function PlacingResult({ orderId, error }: PlacingResultProps) {
  return (
    <>
      <p className="success" role="status" aria-label="Result">
        {orderId !== undefined && `Thank you. Your order is no. ${shortId(orderId)}.`}
      </p>
      {error && (
        <p className="trouble" role="alert">
          {errorWords(error)} {isUnanswered(error) && 'Look at the board before you try again: the order may be there.'}
        </p>
      )}
    </>
  )
}
