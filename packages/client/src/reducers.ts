/** For each event type that matters, the next state. Missing types leave it as it is. */
export type Reducers<TState, TEvent> = {
  readonly [TType in TypeOf<TEvent>]?: (state: TState, event: Extract<TEvent, { readonly type: TType }>) => TState
}

type TypeOf<TEvent> = TEvent extends { readonly type: infer TType extends string } ? TType : never

/** The state after an event. */
export function reduce<TState, TEvent>(reducers: Reducers<TState, TEvent>, state: TState, event: TEvent): TState {
  const { type } = event as { readonly type: TypeOf<TEvent> }
  // A type may be called `toString`.
  const reducer = (Object.hasOwn(reducers, type) ? reducers[type] : undefined) as
    | ((state: TState, event: TEvent) => TState)
    | undefined
  return reducer ? reducer(state, event) : state
}
