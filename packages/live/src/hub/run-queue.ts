/** Something that is run in steps, alternating with others. */
export interface Task {
  /** Whether a step of it is due; kept by the queue. False at first. */
  isDue: boolean
  /** Whether it has old work to do: its steps are then run between those of tasks that have none. */
  isBehind: boolean
  /** One step; says whether there is more to do. Never throws. */
  step(): boolean
}

/** A task that is done in one step. */
export function taskOf(act: () => void): Task {
  return {
    isDue: false,
    isBehind: false,
    step() {
      act()
      return false
    },
  }
}

/**
 * Runs steps one after the other and lets the process breathe. What is new comes first: tasks that are behind have a slice of
 * time between two looks at what has come in, however many they are.
 */
export interface RunQueue {
  /** Has a step of this task run soon; once, however often it is asked for before it runs. */
  add(task: Task): void
  /**
   * Runs what is due now of the tasks that are not behind, as far as that goes in `sliceMs`; all else follows by itself.
   * Resolves when what is left of these has run, too.
   */
  run(): Promise<void> | undefined
}

/** A task that is behind may take long for a step. Reading the clock costs as much as a short one. */
const stepsPerLook = { current: 16, behind: 1 }

/** `sliceMs` is how long it runs before other work gets its turn. Default 10. */
export function createRunQueue({ sliceMs = 10 } = {}): RunQueue {
  const due: Record<keyof typeof stepsPerLook, Task[]> = { current: [], behind: [] }
  let isRunning = false
  let rest: PromiseWithResolvers<void> | undefined

  const add = (task: Task) => {
    if (task.isDue) return
    task.isDue = true
    const tasks = task.isBehind ? due.behind : due.current
    tasks.push(task)
    if (!isRunning) void runAll()
  }
  const runSlice = (kind: keyof typeof stepsPerLook) => {
    const tasks = due[kind]
    const until = performance.now() + sliceMs
    let count = 0
    while (count < tasks.length) {
      const task = tasks[count++]!
      task.isDue = false
      // Who has more to do goes behind the others.
      if (task.step()) add(task)
      if (count % stepsPerLook[kind] === 0 && performance.now() > until) break
    }
    due[kind] = tasks.slice(count)
    if (due.current.length > 0) return
    rest?.resolve()
    rest = undefined
  }
  const runAll = async () => {
    isRunning = true
    while (due.current.length > 0 || due.behind.length > 0) {
      await new Promise((resolve) => setImmediate(resolve))
      runSlice('current')
      runSlice('behind')
    }
    isRunning = false
  }

  return {
    add,
    run() {
      runSlice('current')
      if (due.current.length === 0) return undefined
      rest ??= Promise.withResolvers()
      return rest.promise
    },
  }
}
