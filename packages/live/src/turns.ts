/** Lets a bounded number of things be done at a time; the others wait for their turn, in order. */
export interface Turns {
  take<T>(act: () => T | Promise<T>): Promise<T>
}

export function createTurns(max: number): Turns {
  const waiting: (() => void)[] = []
  let taken = 0
  return {
    async take(act) {
      if (taken < max) taken++
      else await new Promise<void>((resolve) => waiting.push(resolve))
      try {
        return await act()
      } finally {
        const next = waiting.shift()
        if (next) next()
        else taken--
      }
    },
  }
}
