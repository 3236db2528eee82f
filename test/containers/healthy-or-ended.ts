import type { Readable } from 'node:stream'
import type { WaitStrategy } from 'testcontainers'
import { eventually } from '../fixtures/eventually.ts'

const startMs = 120_000

/**
 * Waits until a container's health check says healthy. One that ended instead fails at once, and every failure tells
 * the last lines of the log: give `hear` to the container as its log consumer.
 */
export function healthyOrEnded(name: string): { wait: WaitStrategy; hear: (log: Readable) => void } {
  const lines: string[] = []
  const isUp = async (container: Parameters<WaitStrategy['waitUntilReady']>[0]): Promise<boolean> =>
    eventually(async () => {
      const { Running, Health } = (await container.inspect()).State
      if (Running && Health?.Status !== 'healthy') throw new Error(`${name} is ${Health?.Status ?? 'without a check'}`)
      return Running
    }, startMs)
  const wait: WaitStrategy = {
    async waitUntilReady(container) {
      const isHealthy = await isUp(container).catch(() => false)
      if (!isHealthy) throw new Error(`${name} did not get healthy. Its log ends with:\n${lines.slice(-15).join('')}`)
    },
    withStartupTimeout: () => wait,
    isStartupTimeoutSet: () => true,
    getStartupTimeout: () => startMs,
  }
  const hear = (log: Readable) => void log.on('data', (line: Buffer | string) => lines.push(`  | ${String(line)}`))
  return { wait, hear }
}
