import type { JetStreamManager } from 'nats'
import { partitions } from '../sample-event.ts'

const readAtOnce = 64

/**
 * When the messages of a topic were stored, by their events' ids: the server's own time of each, in milliseconds since 1970.
 * Each call adds what is new. Called when all is over, so that no reader is at work beside what is measured.
 */
export function createStoredTimes(jsm: JetStreamManager, topic: string): () => Promise<ReadonlyMap<string, number>> {
  const times = new Map<string, number>()
  const read = new Array<number>(partitions).fill(0)
  return async () => {
    for (let partition = 0; partition < partitions; partition++) {
      const stream = `${topic}-1_${partition}`
      const { state } = await jsm.streams.info(stream)
      while (read[partition]! < state.last_seq) {
        const from = read[partition]! + 1
        const count = Math.min(readAtOnce, state.last_seq - read[partition]!)
        const messages = await Promise.all(
          Array.from({ length: count }, (_, index) => jsm.streams.getMessage(stream, { seq: from + index })),
        )
        for (const message of messages) times.set(message.header.get('id'), millisecondsOf(message.timestamp))
        read[partition]! += count
      }
    }
    return times
  }
}

/** `2026-01-31T12:00:00.123456789Z`, with as many digits as are not zero. */
function millisecondsOf(timestamp: string): number {
  const [seconds, fraction = '0'] = timestamp.replace('Z', '').split('.')
  return Date.parse(`${seconds}Z`) + Number(`0.${fraction}`) * 1_000
}
