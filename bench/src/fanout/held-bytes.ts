import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** What this process holds when all garbage is collected. */
export interface Held {
  /** Objects and buffers. */
  readonly bytes: number
  /** Of the machine's memory; pages that are free inside of the process count, too. */
  readonly rssBytes: number
}

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

export async function heldBytes(): Promise<Held> {
  for (let times = 0; times < 4; times++) {
    collect()
    // What closes asynchronously is garbage only afterwards.
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  const { heapUsed, external, rss } = process.memoryUsage()
  return { bytes: heapUsed + external, rssBytes: rss }
}
