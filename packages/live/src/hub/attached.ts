import type { RingEntry } from './ring.ts'
import type { RunQueue, Task } from './run-queue.ts'

/** A task that the hub wakes for events. */
export interface Followed extends Task {
  /**
   * What has come for it since its last step: the first event on its channels, or a gap. Set by the hub for one that has
   * `keepUp`, and taken out by the step.
   */
  wokenBy?: RingEntry | 'gap' | undefined
  /** Called when cursors of some time ago are about to be too old to be continued. */
  keepUp?(): void
}

/** The tasks of a hub, by channel. */
export interface Attached {
  /** See `Hub`. */
  attach(channels: readonly string[], task: Followed): () => void
  /** Has a step run soon of each task of the entry's channels. */
  wake(entry: RingEntry): void
  wakeAll(why: RingEntry | 'gap'): void
  keepUp(): void
}

export function createAttached(steps: RunQueue): Attached {
  const attached = new Map<string, Set<Followed>>()

  const wakeEach = (tasks: ReadonlySet<Followed> | undefined, why: RingEntry | 'gap') => {
    if (!tasks) return
    for (const task of tasks) {
      if (task.keepUp) task.wokenBy ??= why
      steps.add(task)
    }
  }
  const detach = (channel: string, task: Followed) => {
    const tasks = attached.get(channel)
    tasks?.delete(task)
    if (tasks?.size === 0) attached.delete(channel)
  }

  return {
    attach(channels, task) {
      for (const channel of channels) attached.set(channel, (attached.get(channel) ?? new Set()).add(task))
      return () => {
        for (const channel of channels) detach(channel, task)
      }
    },
    wake(entry) {
      for (const channel of entry.channels) wakeEach(attached.get(channel), entry)
    },
    wakeAll(why) {
      for (const tasks of attached.values()) wakeEach(tasks, why)
    },
    keepUp() {
      for (const tasks of attached.values()) for (const task of tasks) task.keepUp?.()
    },
  }
}
