import { expect, test, vi } from 'vitest'
import type { Leases } from './leases.ts'
import { silentLogger } from './logger.ts'
import { runPartitions } from './run-partitions.ts'
import { sleep } from './sleep.ts'

/** The only worker of a group, with one partition. */
const leases: Leases = {
  owner: 'here',
  ttlMs: 3_500,
  renewMs: 1_400,
  server: 'server',
  renew: async () => [{ partition: 0, term: 1n }],
  nextRenewal: (signal) => sleep(1_400, signal),
  yieldTo() {},
  release: async () => {},
}

test('the pauses between tries grow until there is progress, however long each try takes', async () => {
  vi.useFakeTimers()
  vi.spyOn(Math, 'random').mockReturnValue(1)
  const stopping = new AbortController()
  const begins: number[] = []
  const partitions = runPartitions({
    leases,
    signal: stopping.signal,
    logger: silentLogger,
    async work(_, signal, { progressed }) {
      begins.push(Date.now())
      await sleep(2_000, signal)
      if (begins.length === 5) progressed()
      throw new Error('cannot execute INSERT in a read-only transaction')
    },
  })
  await vi.advanceTimersByTimeAsync(20_000)
  const pauses = begins.slice(1).map((at, index) => at - begins[index]! - 2_000)
  expect(pauses.slice(0, 6)).toEqual([50, 100, 200, 400, 50, 100])
  expect(partitions.health()).toMatchObject({ ready: false, troubles: { 0: expect.stringMatching(/read-only/) } })
  stopping.abort()
  await partitions.done
  vi.restoreAllMocks()
  vi.useRealTimers()
})

test('a worker that holds nothing is ready where others hold all partitions, and else names those that none holds', async () => {
  vi.useFakeTimers()
  const stopping = new AbortController()
  let free: readonly number[] = []
  const partitions = runPartitions({
    leases: { ...leases, renew: async () => [] },
    signal: stopping.signal,
    logger: silentLogger,
    unserved: async () => free,
    work: async () => {},
  })
  expect(partitions.health()).toMatchObject({ ready: false, code: 'STARTING' })
  await vi.advanceTimersByTimeAsync(2_000)
  expect(partitions.health()).toEqual({ ready: true, partitions: [] })
  free = [2, 5]
  await vi.advanceTimersByTimeAsync(2_000)
  expect(partitions.health()).toMatchObject({ ready: false, trouble: 'No worker holds the partitions 2, 5.' })
  stopping.abort()
  await partitions.done
  vi.useRealTimers()
})
