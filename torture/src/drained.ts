import { isDeepStrictEqual } from 'node:util'
import { sleep } from '@commitcast/worker'
import type { Progress } from './checker.ts'
import type { Child } from './child.ts'

const askMs = 500
const answerMs = 5_000
const calmMs = 2_000
const startMs = 30_000
const settleMs = 10_000
/** The run's own limit comes first. */
const longestMs = 600_000

/**
 * Waits until as much is stored as was committed, all who follow have done it, every purchase has ended and nothing more comes for a moment, or until
 * nothing has moved for `patienceMs`: then the check will say what is missing.
 */
export async function drained(checker: Child, { patienceMs }: { patienceMs: number }): Promise<void> {
  let before: Progress | undefined
  const end = Date.now() + longestMs
  for (let movedAt = Date.now(); Date.now() < end; ) {
    const now = await checker.ask<Progress>('progress', answerMs).catch(() => undefined)
    if (!isDeepStrictEqual(now, before)) movedAt = Date.now()
    before = now
    if (Date.now() - movedAt > (isComplete(now) ? calmMs : patienceMs)) return
    await sleep(askMs)
  }
}

/** Waits until everybody has begun, so that faults meet work; for a while at most, as with a sabotage nothing may flow. */
export async function flowing(checker: Child): Promise<void> {
  for (const end = Date.now() + startMs; Date.now() < end; await sleep(askMs)) {
    const now = await checker.ask<Progress>('progress', answerMs).catch(() => undefined)
    if (now?.stored && Object.values(now.followed).every(Boolean)) return
  }
}

/** Waits until nothing is left to do, for a while at most. */
export async function settled(checker: Child): Promise<void> {
  for (const end = Date.now() + settleMs; Date.now() < end; await sleep(askMs / 2)) {
    if (isComplete(await checker.ask<Progress>('progress', answerMs).catch(() => undefined))) return
  }
}

function isComplete(progress: Progress | undefined): boolean {
  if (!progress || progress.committed === null || progress.parked !== 0 || progress.open !== 0) return false
  const { committed, stored, followed } = progress
  return [stored, ...Object.values(followed)].every((count) => count !== null && count >= committed)
}
