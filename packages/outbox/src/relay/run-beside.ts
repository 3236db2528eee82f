/** Tasks that run beside a loop. */
export interface Beside {
  /** Resolves when all of them have ended, however they did. */
  readonly ended: Promise<unknown>
  /** Throws what the first of them failed at, once one has. */
  rethrow(): void
}

/** Runs tasks beside a loop, which asks now and then whether one of them failed. */
export function runBeside(tasks: readonly (() => Promise<void>)[]): Beside {
  let failure: { readonly error: unknown } | undefined
  const ended = Promise.allSettled(
    tasks.map((task) =>
      task().catch((error: unknown) => {
        failure ??= { error }
      }),
    ),
  )
  return {
    ended,
    rethrow() {
      if (failure) throw failure.error
    },
  }
}
