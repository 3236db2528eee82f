import { useEffect, useRef, useState } from 'react'
import { type FollowStatus, follow } from '../follow.ts'
import type { EventOf, InputOf, LiveProcedure, StateOf } from '../live-procedure.ts'

/** For each event type that matters, the next state. Missing types leave it as it is. */
export type Reducers<TState, TEvent> = {
  readonly [TType in TypeOf<TEvent>]?: (state: TState, event: Extract<TEvent, { readonly type: TType }>) => TState
}

type TypeOf<TEvent> = TEvent extends { readonly type: infer TType extends string } ? TType : never

export interface LiveQuery<TState> {
  /** `undefined` until the first state came. */
  readonly state: TState | undefined
  readonly status: FollowStatus
  /** Why the server refused the subscription. */
  readonly error?: unknown
}

/**
 * A state-first subscription as React state: the state that the server sends, then each event through its reducer, once,
 * in order per key. Renders at most once per frame. Subscribes again when `input` changes (compared as JSON).
 */
export function useLiveQuery<TProcedure extends LiveProcedure>(
  procedure: TProcedure,
  input: InputOf<TProcedure>,
  reducers: Reducers<StateOf<TProcedure>, EventOf<TProcedure>>,
): LiveQuery<StateOf<TProcedure>> {
  const [query, setQuery] = useState<LiveQuery<StateOf<TProcedure>>>({ state: undefined, status: 'connecting' })
  const latest = useRef({ procedure, input, reducers })
  latest.current = { procedure, input, reducers }
  const inputKey = JSON.stringify(input)

  // biome-ignore lint/correctness/useExhaustiveDependencies: the input's text stands for the input
  useEffect(() => {
    let current: LiveQuery<StateOf<TProcedure>> = { state: undefined, status: 'connecting' }
    let frame: number | undefined
    const change = (next: Partial<LiveQuery<StateOf<TProcedure>>>) => {
      current = { ...current, ...next }
      frame ??= requestAnimationFrame(() => {
        frame = undefined
        setQuery(current)
      })
    }
    const stop = follow(latest.current.procedure, latest.current.input, {
      onState: (state) => change({ state }),
      onEvent(event) {
        if (current.state === undefined) return
        change({ state: reduce(latest.current.reducers, current.state, event) })
      },
      onStatus: (status) => change({ status }),
      onError: (error) => change({ error }),
    })
    return () => {
      stop()
      if (frame !== undefined) cancelAnimationFrame(frame)
    }
  }, [inputKey])

  return query
}

function reduce<TState, TEvent>(reducers: Reducers<TState, TEvent>, state: TState, event: TEvent): TState {
  const { type } = event as { readonly type: TypeOf<TEvent> }
  const reducer = reducers[type] as ((state: TState, event: TEvent) => TState) | undefined
  return reducer ? reducer(state, event) : state
}
