import { useMemo, useRef, useSyncExternalStore } from 'react'
import type { FollowError } from '../follow-error.ts'
import { inputKey } from '../input-key.ts'
import type { EventOf, HintOf, InputOf, LiveProcedure, StateOf } from '../live-procedure.ts'
import { createLiveStore, type LiveView } from '../live-store.ts'
import type { Optimistic } from '../optimism.ts'
import type { Reducers } from '../reducers.ts'

export interface LiveQuery<TState> extends LiveView<TState> {
  /** Shows what a command is expected to change; `useLiveMutation` calls it. */
  readonly optimistic: Optimistic<TState>
}

export interface LiveQueryOptions<TProcedure extends LiveProcedure> {
  /** Called with each hint as it comes, not while rendering: what may get lost, such as who is typing. */
  readonly onHint?: (hint: HintOf<TProcedure>) => void
  /** Called where something fails that ends nothing: `onHint` threw, or an event can't be read. Default: the console. */
  readonly onFailure?: (failure: FollowError) => void
}

/**
 * A state-first subscription as React state: the state that the server sends, then each event through its reducer, once,
 * in order per key. Renders at most once per frame, however many events come. Subscribes again when `input` changes
 * (by what it holds), and when `procedure` does: give it as tRPC's client has it, which is the same object each time. What a
 * reducer throws is thrown while rendering, for an error boundary.
 */
export function useLiveQuery<TProcedure extends LiveProcedure>(
  procedure: TProcedure,
  input: InputOf<TProcedure>,
  reducers: NoInfer<Reducers<StateOf<TProcedure>, EventOf<TProcedure>>>,
  { onHint, onFailure }: LiveQueryOptions<TProcedure> = {},
): LiveQuery<StateOf<TProcedure>> {
  const latest = useRef({ procedure, input, reducers, onHint, onFailure })
  latest.current = { procedure, input, reducers, onHint, onFailure }
  const key = inputKey(input)
  // biome-ignore lint/correctness/useExhaustiveDependencies: another procedure or input is another store
  const store = useMemo(() => createLiveStore<TProcedure>(() => latest.current), [procedure, key])
  const view = useSyncExternalStore(store.subscribe, store.view, store.view)
  return useMemo(() => ({ ...view, optimistic: store.optimistic }), [view, store])
}
