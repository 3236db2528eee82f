/** One step of some work; says whether there is more to do. Never throws. */
export type Step = () => boolean

/** Runs steps one after the other and lets the process breathe: nobody's backlog holds up everything else. */
export interface RunQueue {
  /** Asks for a step to be run; once, however often it is asked for before it runs. */
  add(step: Step): void
  /** Runs what is there now, as far as that goes in `sliceMs`; the rest follows by itself. Resolves when that has run, too. */
  run(): Promise<void> | undefined
}

const stepsPerLook = 16

/** `sliceMs` is how long it runs before other work gets its turn. Default 10. */
export function createRunQueue({ sliceMs = 10 } = {}): RunQueue {
  const steps = new Set<Step>()
  let rest: Promise<void> | undefined

  const runSlice = () => {
    const until = performance.now() + sliceMs
    let count = 0
    for (const step of steps) {
      steps.delete(step)
      // A set is walked in the order of adding: who has more to do goes behind the others.
      if (step()) steps.add(step)
      // Reading the clock costs as much as a short step.
      if (++count % stepsPerLook === 0 && performance.now() > until) return
    }
  }
  const runRest = async () => {
    while (steps.size > 0) {
      await new Promise((resolve) => setImmediate(resolve))
      runSlice()
    }
    rest = undefined
  }
  const runLater = () => {
    rest ??= runRest()
    return rest
  }

  return {
    add(step) {
      steps.add(step)
      runLater()
    },
    run() {
      runSlice()
      return steps.size > 0 ? runLater() : undefined
    },
  }
}
