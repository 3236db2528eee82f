import { setTimeout as sleep } from 'node:timers/promises'

/** Asks every 20 ms until `isSo` returns true. Returns false when that took longer than `ms`. */
export async function becomes(isSo: () => boolean | Promise<boolean>, ms: number): Promise<boolean> {
  const end = performance.now() + ms
  while (!(await isSo())) {
    if (performance.now() > end) return false
    await sleep(20)
  }
  return true
}
