const liveResolvers = new WeakSet<object>()

/** Notes that a resolver is one of ours, and returns it. */
export function markLive<TResolver extends object>(resolver: TResolver): TResolver {
  liveResolvers.add(resolver)
  return resolver
}

/** Whether `live.subscription` made this resolver. */
export function isLiveResolver(resolver: unknown): boolean {
  return typeof resolver === 'function' && liveResolvers.has(resolver)
}
