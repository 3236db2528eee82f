/** Counts things by name. A name that nothing is left of is forgotten. */
export interface Tally<TName extends string> {
  of(name: TName): number
  add(name: TName): void
  take(name: TName): void
  all(): Readonly<Record<string, number>>
}

export function createTally<TName extends string>(): Tally<TName> {
  const counts = new Map<TName, number>()
  return {
    of: (name) => counts.get(name) ?? 0,
    add(name) {
      counts.set(name, (counts.get(name) ?? 0) + 1)
    },
    take(name) {
      const left = (counts.get(name) ?? 0) - 1
      if (left > 0) counts.set(name, left)
      else counts.delete(name)
    },
    all: () => Object.fromEntries(counts),
  }
}
