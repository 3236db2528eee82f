import { expect, test } from 'vitest'
import { createRunQueue, type Task } from './run-queue.ts'

/** A task that counts its steps, and has so many to do each time that it is added. */
function counter({ steps, isBehind }: { steps: number; isBehind: boolean }): Task & { done: number } {
  return {
    isDue: false,
    isBehind,
    done: 0,
    step() {
      this.done++
      return this.done % steps !== 0
    },
  }
}

test('tasks that are behind hold up no one who waits for what is new', async () => {
  const queue = createRunQueue({ sliceMs: 1 })
  const backlog = counter({ steps: Number.POSITIVE_INFINITY, isBehind: true })
  queue.add(backlog)
  for (let round = 1; round <= 20; round++) {
    const current = counter({ steps: 1, isBehind: false })
    queue.add(current)
    await queue.run()
    expect(current.done).toBe(1)
    const before = backlog.done
    await new Promise((resolve) => setTimeout(resolve))
    while (backlog.done === before) await new Promise((resolve) => setImmediate(resolve))
  }
  backlog.step = () => false
})

test('what is left of a burst runs before `run` resolves, and tasks that are behind run meanwhile', async () => {
  const queue = createRunQueue({ sliceMs: 0 })
  const burst = counter({ steps: 1_000, isBehind: false })
  const backlog = counter({ steps: 5, isBehind: true })
  queue.add(burst)
  queue.add(backlog)
  await queue.run()
  expect({ burst: burst.done, backlog: backlog.done }).toEqual({ burst: 1_000, backlog: 5 })
})
