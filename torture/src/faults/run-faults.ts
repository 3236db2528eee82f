import { sleep } from '@commitcast/worker'
import { createRandom } from '../random.ts'
import { createFaults, type Scene } from './faults.ts'
import { type FaultCounts, type FaultKind, noFaults, type Plan, type PlannedFault } from './plan-faults.ts'

export interface FaultRun {
  readonly counts: FaultCounts
  /** Resolves when all that was planned has been done and everything runs again. Rejects when something does not come back. */
  readonly done: Promise<void>
}

/** Carries out a plan. `onFault` hears of each fault as it begins. */
export function runFaults(
  plan: Plan,
  options: { readonly scene: Scene; readonly seed: number; readonly onFault: (kind: FaultKind) => void },
): FaultRun {
  const counts = noFaults(plan)
  const startedAt = Date.now()
  const runLane = async (faults: readonly PlannedFault[], stream: number) => {
    const act = createFaults(options.scene, createRandom(options.seed, stream))
    for (const { kind, atMs } of faults) {
      await sleep(Math.max(0, startedAt + atMs - Date.now()))
      options.onFault(kind)
      counts[kind] = (counts[kind] ?? 0) + (await act[kind]())
    }
  }
  const done = Promise.all(Object.values(plan).map((faults, place) => runLane(faults, 10 + place))).then(() => {})
  return { counts, done }
}
