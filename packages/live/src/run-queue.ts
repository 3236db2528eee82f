/** Something that is run in steps, by turns with others. */
export interface Task {
  /** Whether a step of it is due; kept by the queue. False at first. */
  isDue: boolean
  /** One step; says whether there is more to do. Never throws. */
  step(): boolean
}

/** A task that is done in one step. */
export function taskOf(act: () => void): Task {
  return {
    isDue: false,
    step() {
      act()
      return false
    },
  }
}

/** Runs steps one after the other and lets the process breathe: nobody's backlog holds up everything else. */
export interface RunQueue {
  /** Has a step of this task run soon; once, however often it is asked for before it runs. */
  add(task: Task): void
  /** Runs what is due now, as far as that goes in `sliceMs`; the rest follows by itself. Resolves when that has run, too. */
  run(): Promise<void> | undefined
}

const stepsPerLook = 16

/** `sliceMs` is how long it runs before other work gets its turn. Default 10. */
export function createRunQueue({ sliceMs = 10 } = {}): RunQueue {
  let due: Task[] = []
  let rest: Promise<void> | undefined

  const add = (task: Task) => {
    if (task.isDue) return
    task.isDue = true
    due.push(task)
    rest ??= runRest()
  }
  const runSlice = () => {
    const until = performance.now() + sliceMs
    let count = 0
    while (count < due.length) {
      const task = due[count++]!
      task.isDue = false
      // Who has more to do goes behind the others.
      if (task.step()) add(task)
      // Reading the clock costs as much as a short step.
      if (count % stepsPerLook === 0 && performance.now() > until) break
    }
    due = due.slice(count)
  }
  const runRest = async () => {
    while (due.length > 0) {
      await new Promise((resolve) => setImmediate(resolve))
      runSlice()
    }
    rest = undefined
  }

  return {
    add,
    run() {
      runSlice()
      return due.length > 0 ? rest : undefined
    },
  }
}
