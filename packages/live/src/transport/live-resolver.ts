import type { TrackedEnvelope } from '@trpc/server'

/** What a tRPC resolver gets, as far as a live subscription needs it. */
export interface ResolverOptions<TContext, TInput> {
  readonly ctx: TContext
  readonly input: TInput
  readonly signal?: AbortSignal | undefined
}

/** What a tRPC subscription's resolver returns: every yield is tracked, so a client never loses its cursor. */
export type TrackedStream<TEnvelope> = AsyncIterable<TrackedEnvelope<TEnvelope>, void>

/** A resolver for a tRPC subscription. */
export type LiveResolver<TContext, TInput, TEnvelope> = (
  options: ResolverOptions<TContext, TInput>,
) => TrackedStream<TEnvelope>

const liveResolvers = new WeakSet<object>()

/** Marks a resolver as made by `live.subscription`, and returns it. */
export function markLive<TResolver extends object>(resolver: TResolver): TResolver {
  liveResolvers.add(resolver)
  return resolver
}

/** Whether `live.subscription` made this resolver. */
export function isLiveResolver(resolver: unknown): boolean {
  return typeof resolver === 'function' && liveResolvers.has(resolver)
}
