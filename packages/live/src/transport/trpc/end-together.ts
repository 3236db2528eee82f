/** The iterators of a process that end when it serves no subscriptions any more. */
export interface EndTogether {
  /** Whether that has happened. */
  readonly hasEnded: boolean
  add(end: () => void): void
  delete(end: () => void): void
}

/** A set, because an `AbortSignal` takes longer for each listener the more it has, and there is one per client. */
export function endTogether(closed: AbortSignal | undefined): EndTogether {
  const ends = new Set<() => void>()
  const endAll = () => {
    for (const end of ends) end()
  }
  closed?.addEventListener('abort', endAll, { once: true })
  return {
    get hasEnded() {
      return closed?.aborted ?? false
    },
    add: (end) => void ends.add(end),
    delete: (end) => void ends.delete(end),
  }
}
