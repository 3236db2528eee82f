const mark = '"kind":"event"'
/** In a socket.io packet and in SSE it is written in the same way: all of them carry superjson's JSON. */
const number = /"n":(\d+)/g

/** Counts the events in what a client gets, however it is cut into chunks. `isKept`: their numbers are known, too. */
export function countEvents({ isKept }: { isKept: boolean }) {
  let events = 0
  let tail = Buffer.alloc(0)
  let kept = ''
  return {
    get events() {
      return events
    },
    /** `isWhole`: the chunk is a message of its own. */
    take(chunk: Buffer, isWhole: boolean) {
      if (isKept) kept += chunk.toString('latin1')
      const text = isWhole || tail.length === 0 ? chunk : Buffer.concat([tail, chunk])
      for (let at = text.indexOf(mark); at >= 0; at = text.indexOf(mark, at + mark.length)) events++
      // Too short to hold a mark, so none is counted twice.
      if (!isWhole) tail = Buffer.from(text.subarray(-(mark.length - 1)))
    },
    numbers: (): readonly number[] => [...kept.matchAll(number)].map((match) => Number(match[1])),
  }
}
