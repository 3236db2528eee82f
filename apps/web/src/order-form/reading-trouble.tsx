import type { UseQueryResult } from '@tanstack/react-query'
import { errorWords } from '../words/error-words.ts'

/** What keeps a query from its answer, if anything does. */
export function ReadingTrouble({ query }: { readonly query: UseQueryResult<unknown> }) {
  if (query.failureReason === null) return null
  return (
    <p className="trouble">
      {errorWords(query.failureReason)} {query.isFetching && 'Trying again…'}
    </p>
  )
}
