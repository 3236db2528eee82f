import { TRPCClientError } from '@trpc/client'

/** What went wrong, for people. */
export function errorWords(error: unknown): string {
  switch (codeOf(error)) {
    case undefined:
      return 'The shop did not answer.'
    case 'BAD_REQUEST':
      return 'The shop could not make sense of that.'
    case 'CONFLICT':
      return 'Another window was faster: this order has moved on already.'
    case 'NOT_FOUND':
      return (error as Error).message
    default:
      return 'Something went wrong in the shop.'
  }
}

/** Whether there was no answer; then it is not known what became of a command. */
export function isUnanswered(error: unknown): boolean {
  return codeOf(error) === undefined
}

/** Whether the same question may get an answer later. */
export function isPassing(error: unknown): boolean {
  return isUnanswered(error) || codeOf(error) === 'INTERNAL_SERVER_ERROR'
}

/** Every answer of the API has a code; what a proxy or the browser says of a lost call has none. */
function codeOf(error: unknown): string | undefined {
  const data: unknown = error instanceof TRPCClientError ? error.data : undefined
  return (data as { readonly code?: string } | null | undefined)?.code
}
