/** Something of ours in an application's tRPC context, so that it lasts through middleware that spreads the context. */
export interface ContextMark<TValue> {
  /** What the context was marked with; `undefined` where it was not. */
  of(ctx: unknown): TValue | undefined
  /**
   * The context with its mark: a copy of a plain object, the same object of a class, an object where there was none. What is
   * no object stays as it is, without a mark.
   */
  put<TContext>(ctx: TContext, value: TValue): TContext
}

export function createContextMark<TValue>(name: string): ContextMark<TValue> {
  const key = Symbol(name)

  const ownOf = (ctx: object) => (ctx as { readonly [key: symbol]: TValue | undefined })[key]

  /** Several connections may have been given the same object. */
  const copyWith = <TContext extends object>(ctx: TContext, value: TValue): TContext =>
    Object.defineProperties(Object.create(Object.getPrototypeOf(ctx)), {
      ...Object.getOwnPropertyDescriptors(ctx),
      [key]: { value, enumerable: true },
    })

  /** An object of a class can't be copied. One that was given two marks has none. */
  const markWith = <TContext extends object>(ctx: TContext, value: TValue): TContext => {
    if (!Object.isExtensible(ctx)) return ctx
    const isShared = Object.hasOwn(ctx, key) && ownOf(ctx) !== value
    return Object.defineProperty(ctx, key, {
      value: isShared ? undefined : value,
      enumerable: true,
      configurable: true,
    })
  }

  return {
    of: (ctx) => (typeof ctx === 'object' && ctx !== null ? ownOf(ctx) : undefined),
    put<TContext>(ctx: TContext, value: TValue) {
      if (ctx === undefined || ctx === null) return { [key]: value } as TContext
      if (typeof ctx !== 'object') return ctx
      return isPlain(ctx) ? copyWith(ctx, value) : markWith(ctx, value)
    },
  }
}

function isPlain(ctx: object): boolean {
  const prototype = Object.getPrototypeOf(ctx)
  return prototype === Object.prototype || prototype === null
}
