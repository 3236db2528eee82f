import type { Envelope } from '@commitcast/events'

/** What a tRPC client has for a subscription: `trpc.orders.board`. */
export interface LiveProcedure {
  subscribe(input: never, callbacks: never): Subscription
}

export interface Subscription {
  unsubscribe(): void
}

/** What `follow` has a tRPC client call. */
export interface Callbacks<TEnvelope> {
  /** Gets `{ id, data }` of an envelope, where the server tracks it. */
  onData(value: { readonly id: string; readonly data: TEnvelope }): void
  onStarted(): void
  onStopped(): void
  onComplete(): void
  onError(error: unknown): void
  onConnectionStateChange(state: { readonly state: string; readonly error?: unknown }): void
}

/** `subscribe` with callbacks is the first of tRPC's overloads; before 11.25 it was the only one. */
type CallOf<TProcedure extends LiveProcedure> = TProcedure['subscribe'] extends {
  (input: infer TInput, callbacks: infer TCallbacks): Subscription
  (...args: never[]): unknown
}
  ? { input: TInput; callbacks: TCallbacks }
  : TProcedure['subscribe'] extends (input: infer TInput, callbacks: infer TCallbacks) => Subscription
    ? { input: TInput; callbacks: TCallbacks }
    : never

/** The input that a subscription takes. */
export type InputOf<TProcedure extends LiveProcedure> = CallOf<TProcedure>['input']

type DataOf<TCallbacks> = TCallbacks extends { onData?: (value: infer TValue) => void } ? TValue : never

type EnvelopeOf<TProcedure extends LiveProcedure> =
  DataOf<CallOf<TProcedure>['callbacks']> extends { readonly data: infer TData }
    ? Extract<TData, Envelope<unknown, unknown>>
    : never

/** The events of a subscription, distinguished by `type`. */
export type EventOf<TProcedure extends LiveProcedure> =
  Extract<EnvelopeOf<TProcedure>, { kind: 'event' }> extends { readonly event: infer TEvent } ? TEvent : never

/** The state that a state-first subscription begins with. */
export type StateOf<TProcedure extends LiveProcedure> =
  Extract<EnvelopeOf<TProcedure>, { kind: 'state' }> extends { readonly state: infer TState } ? TState : never

/** The hints of a subscription's channels, distinguished by `type`. */
export type HintOf<TProcedure extends LiveProcedure> =
  Extract<EnvelopeOf<TProcedure>, { kind: 'hint' }> extends { readonly hint: infer THint } ? THint : never
