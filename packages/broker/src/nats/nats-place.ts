import { BrokerUnavailable, Diverged, OffsetGone } from '../errors.ts'
import type { Start } from './nats-source.ts'
import { isNotThere, type Streams } from './nats-streams.ts'

/**
 * Before reading continues at an offset: throws where the next message will never come, so that no reader waits for ever.
 * `lastId` is the id of the message at `after`, where this reader had it. Only that shows whether a stream is still the
 * same: in a cluster each server says another time at which it was made. Returns the newest offset.
 */
export async function checkPlace(streams: Streams, { partition, after }: Start, lastId?: string): Promise<number> {
  const name = streams.nameOf(partition)
  const { state } = await streams.info(partition).catch((error) => {
    if (isNotThere(error)) throw new Diverged(error.message, { cause: error })
    throw error
  })
  const end = state.last_seq
  if (lastId !== undefined && end < after) {
    throw new BrokerUnavailable(`${name} ends at ${end}, before ${after}, which was read: wait for the rest.`)
  }
  const before = lastId === undefined ? undefined : await streams.messageAt(partition, after)
  if (before && before.header.get('id') !== lastId) {
    throw new Diverged(
      `${name} was deleted and made again: its offsets begin anew, and ${after}, which was event ${lastId}, is another one.`,
    )
  }
  if (end <= after) return end
  const gone = (first: number) => {
    if (first > after + 1) throw new OffsetGone(`${name} is kept from offset ${first} on; ${after + 1} is gone.`)
  }
  gone(state.first_seq)
  if (await streams.messageAt(partition, after + 1)) return end
  const now = (await streams.info(partition)).state
  gone(now.first_seq)
  // A new leader may know less for a moment.
  if (now.last_seq <= after) return now.last_seq
  throw new Diverged(
    `${name} has no message at offset ${after + 1}: it was deleted on the broker. Begin a new topic epoch.`,
    { offset: after + 1 },
  )
}
