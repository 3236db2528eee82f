import { useCallback, useEffect, useRef, useState } from 'react'
import type { LiveQuery } from './use-live-query.ts'

/** What a tRPC client has for a mutation: `trpc.orders.place`. */
export interface MutationProcedure {
  mutate(input: never, options?: never): Promise<unknown>
}

type Input<TProcedure extends MutationProcedure> = Parameters<TProcedure['mutate']>[0]
type Answer<TProcedure extends MutationProcedure> = Awaited<ReturnType<TProcedure['mutate']>>

export interface LiveMutationOptions<TProcedure extends MutationProcedure, TState> {
  /** The state as this command is expected to change it. It may meet a state that shows it already. */
  readonly expect: (state: TState, input: Input<TProcedure>) => TState
  /** How long the answer, and after it the event, is waited for. Default 10,000. */
  readonly timeoutMs?: number
}

export interface LiveMutation<TProcedure extends MutationProcedure> {
  /** Sends the command and shows at once what it is expected to change. Never throws. */
  mutate(input: Input<TProcedure>): void
  /** Some command is not answered yet. */
  readonly isPending: boolean
  /** What the newest command that ended was answered. */
  readonly answer: Answer<TProcedure> | undefined
  /** Why the newest command that ended failed; what it was expected to change is taken back. */
  readonly error: unknown
}

/**
 * Commands whose expected change shows in a live query at once, and settles when the event of that command is there. Needs
 * `commandLink` in the client, and events that are appended with `headers: causationOf(ctx.command)`.
 */
export function useLiveMutation<TProcedure extends MutationProcedure, TState>(
  query: LiveQuery<TState>,
  procedure: TProcedure,
  options: NoInfer<LiveMutationOptions<TProcedure, TState>>,
): LiveMutation<TProcedure> {
  const [running, setRunning] = useState(0)
  const [end, setEnd] = useState<Pick<LiveMutation<TProcedure>, 'answer' | 'error'>>(noEnd)
  const latest = useRef({ query, procedure, options })
  useEffect(() => {
    latest.current = { query, procedure, options }
  })
  const mutate = useCallback((input: Input<TProcedure>) => {
    const { query, procedure, options } = latest.current
    const { expect, timeoutMs } = options
    const send = (context: object) => procedure.mutate(input, { context } as never) as Promise<Answer<TProcedure>>
    setRunning((count) => count + 1)
    query
      .optimistic({ expect: (state) => expect(state, input), send, ...(timeoutMs !== undefined && { timeoutMs }) })
      .then(
        (answer) => setEnd({ answer, error: undefined }),
        (error: unknown) => setEnd({ answer: undefined, error }),
      )
      .finally(() => setRunning((count) => count - 1))
  }, [])
  return { mutate, isPending: running > 0, ...end }
}

const noEnd = { answer: undefined, error: undefined }
