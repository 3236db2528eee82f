import { type Child, startChild } from './child.ts'
import type { Lines } from './lines.ts'

/** Roles that several processes share the work of. */
export type CrewRole = 'relay' | 'stream' | 'project' | 'api'

/** The processes of one role: always as many, whatever happens to them. */
export interface Crew {
  readonly role: CrewRole
  /** Where their connections go through. */
  readonly lines: Lines
  /** Which ended without having been asked, and how. */
  readonly crashes: readonly string[]
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
  /** What each process is given. */
  readonly config: object
  /** The folder for logs. */
  readonly folder: string
  /** Hears what they log. */
  readonly onLine?: (line: string) => void
}

export function startCrew(role: CrewRole, { size, lines, config, folder, onLine = () => {} }: CrewOptions): Crew {
  const workers = new Set<Child>()
  const crashes: string[] = []
  let count = 0
  let isStopping = false
  const start = () => {
    if (isStopping) return
    const worker = startChild(role, { name: `${role}-${++count}`, config, folder, onLine })
    workers.add(worker)
    void worker.ended.then((how) => {
      workers.delete(worker)
      if (worker.isEnding) return
      crashes.push(`${worker.name} ended by itself (${how}).`)
      start()
    })
  }
  for (let worker = 0; worker < size; worker++) start()
  return {
    role,
    lines,
    crashes,
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
