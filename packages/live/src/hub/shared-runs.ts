/** Runs `act` once at a time. A run is shared by all who asked before it began, and so is newer than their question. */
export function createSharedRuns<T>(act: () => Promise<T>): () => Promise<T> {
  let next: Promise<T> | undefined
  let running: Promise<unknown> = Promise.resolve()
  const start = async () => {
    await running
    next = undefined
    const run = act()
    running = run.catch(() => {})
    return run
  }
  return () => {
    next ??= start()
    return next
  }
}
