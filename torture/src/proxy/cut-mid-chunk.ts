import type { Random } from '../random.ts'
import type { Line } from './line.ts'

const patienceMs = 1_500
const someBytes = 600
const manyBytes = 16_000

/**
 * Cuts a line in the middle of something that its client is sending: mostly what follows something large, which
 * is the rest of the same page; or any line after a while in which nothing is sent.
 */
export async function cutMidChunk(lines: readonly Line[], random: Random): Promise<void> {
  const [one] = lines.length === 0 ? [] : [random.pick(lines)]
  const caught = await catchSending(random.chance(0.8) ? lines : one ? [one] : [], {
    bytes: random.chance(0.7) ? manyBytes : someBytes,
    share: random.next(),
  })
  ;(caught ?? one)?.cut()
}

/** Resolves with the first line that has been kept from sending all of what it wanted to; `undefined` where none did. */
function catchSending(
  lines: readonly Line[],
  { bytes, share }: { readonly bytes: number; readonly share: number },
): Promise<Line | undefined> {
  return new Promise((resolve) => {
    const before = lines.map(({ onRequest }) => onRequest)
    const settle = (caught: Line | undefined) => {
      clearTimeout(timer)
      lines.forEach((line, index) => {
        if (line !== caught) line.onRequest = before[index]!
      })
      resolve(caught)
    }
    const timer = setTimeout(() => settle(undefined), patienceMs)
    lines.forEach((line, index) => {
      let isNext = bytes === someBytes
      line.onRequest = (request) => {
        const passed = before[index]!(request)
        if (passed.length < (isNext ? someBytes : bytes)) return passed
        if (!isNext) {
          isNext = true
          return passed
        }
        line.onRequest = () => Buffer.alloc(0)
        // Nothing that comes back reaches the client: acknowledgements are lost, too.
        line.onReply = () => Buffer.alloc(0)
        setImmediate(() => settle(line))
        return passed.subarray(0, Math.floor(passed.length * share))
      }
    })
  })
}
