import { createBell } from '@commitcast/worker'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createRest } from './rest.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const sleepingRelay = { fallAsleep: async () => '1', isRunningBefore: async () => false, wakeUp: async () => {} }
const nothing = { found: 0, hasAsked: true, mayBeMore: false }

/** A relay whose looks take so long and find nothing. Counts them, while a commit rings once a millisecond. */
async function countLooks({ lookMs, listens }: { lookMs: number; listens: boolean }) {
  const bell = createBell()
  const stopping = new AbortController()
  const rest = createRest({ sleepingRelay, bell, signal: stopping.signal, pollMs: 1_000, listens })
  const ringing = setInterval(bell.ring, 1)
  let looks = 0
  const looking = (async () => {
    while (!stopping.signal.aborted) {
      looks++
      await new Promise((resolve) => setTimeout(resolve, lookMs))
      await rest(nothing)
    }
  })()
  await vi.advanceTimersByTimeAsync(1_800)
  stopping.abort()
  clearInterval(ringing)
  await vi.advanceTimersByTimeAsync(1_000)
  await looking
  return looks
}

test.each([true, false])('looks that take long take half of the time at most (listens: %s)', async (listens) => {
  expect((await countLooks({ lookMs: 30, listens })) * 30).toBeLessThan(1_800 / 2 + 100)
})

test('looks that are quick follow each commit', async () => {
  expect(await countLooks({ lookMs: 2, listens: true })).toBeGreaterThan(400)
})
