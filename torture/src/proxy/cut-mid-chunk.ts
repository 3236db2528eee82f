import type { Random } from '../random.ts'
import type { Line } from './tcp-proxy.ts'

const patienceMs = 300
const fewBytes = 600

/** Cuts a line in the middle of something that its client is sending, or after a moment if it sends nothing much. */
export function cutMidChunk(line: Line, random: Random): Promise<void> {
  const share = random.next()
  const { onRequest } = line
  return new Promise((resolve) => {
    const cut = () => {
      clearTimeout(timer)
      line.cut()
      resolve()
    }
    const timer = setTimeout(cut, patienceMs)
    line.onRequest = (bytes) => {
      const passed = onRequest(bytes)
      if (passed.length < fewBytes) return passed
      setImmediate(cut)
      line.onRequest = () => Buffer.alloc(0)
      return passed.subarray(0, Math.floor(passed.length * share))
    }
    // Nothing that comes back reaches the client: acknowledgements are lost, too.
    line.onReply = () => Buffer.alloc(0)
  })
}
