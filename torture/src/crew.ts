import { type Child, startChild } from './child.ts'
import type { Lines } from './lines.ts'
import type { ServerClock } from './server-clock.ts'

/** Roles that several processes share the work of. */
export type CrewRole = 'relay' | 'stream' | 'project' | 'api' | 'purchase'

/** The processes of one role: always as many, whatever happens to them. */
export interface Crew {
  readonly role: CrewRole
  /** Where their connections go through. */
  readonly lines: Lines
  /** The clock of the host that they run on; missing where it can't be moved. */
  readonly clock?: ServerClock | undefined
  /** Those that run and are not frozen. */
  awake(): readonly Child[]
  /** Kills one as `kill -9` does and starts another. */
  replace(worker: Child, afterMs: number): Promise<void>
  /** Starts another and asks this one to drain, as a deployment does. */
  relieve(worker: Child): Promise<void>
  stop(): Promise<void>
}

export interface CrewOptions {
  readonly size: number
  readonly lines: Lines
  readonly clock?: ServerClock | undefined
  /** A module that is imported before their own. */
  readonly preload?: string | undefined
  /** What each process is given. */
  readonly config: object
  /** The folder for logs. */
  readonly folder: string
  /** Receives what they log. */
  readonly onLine?: (line: string) => void
  /** Receives, in words, that one ended without having been asked. */
  readonly onCrash: (words: string) => void
}

export function startCrew(role: CrewRole, options: CrewOptions): Crew {
  const { size, lines, clock, preload, config, folder, onLine = () => {}, onCrash } = options
  const workers = new Set<Child>()
  let count = 0
  let isStopping = false
  const start = () => {
    if (isStopping) return
    const replaceCrashed = (words: string) => {
      onCrash(words)
      start()
    }
    const worker = startChild(role, {
      name: `${role}-${++count}`,
      ...{ config, folder, onLine, preload },
      env: clock?.env,
      onCrash: replaceCrashed,
    })
    workers.add(worker)
    void worker.ended.then(() => workers.delete(worker))
  }
  for (let worker = 0; worker < size; worker++) start()
  return {
    role,
    lines,
    clock,
    awake: () => [...workers].filter((worker) => !worker.isPaused && !worker.isEnding),
    async replace(worker, afterMs) {
      await worker.kill()
      await new Promise((resolve) => setTimeout(resolve, afterMs))
      start()
    },
    async relieve(worker) {
      start()
      await worker.stop()
    },
    async stop() {
      isStopping = true
      await Promise.all([...workers].map((worker) => worker.stop()))
    },
  }
}
