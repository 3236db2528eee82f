import type { Message } from '@commitcast/broker'
import { readVerified, type Verified } from '@commitcast/outbox'
import { createBackoff, type PartitionReport, toTrouble } from '@commitcast/worker'
import { type ReadEventsOptions, readEvents } from './read-events.ts'

export interface ReadVerifiedOptions extends Omit<ReadEventsOptions, 'verified'> {
  /** The database's server under which the reader began. */
  readonly server: string
  /** Says for the health what is waited for; with nothing, that it continues. */
  readonly waits: PartitionReport['waits']
}

/**
 * The same events, but only those that a relay has compared with the page log on this very server, or appended since. The
 * broker may hold more: what a database that went back in time has forgotten, or another program's. It waits before that.
 */
export async function* readVerifiedEvents(options: ReadVerifiedOptions): AsyncGenerator<readonly Message[]> {
  const { sql, schema, topic, partition, server, signal, waits } = options
  const backoff = createBackoff({ maxMs: 1_000 })
  let { after } = options
  let before: Verified | undefined
  let isWaiting = false
  const onOutage = (error?: unknown) => (error === undefined ? waits() : waits(toTrouble(error), error))
  while (!signal.aborted) {
    const verified = await readVerified(sql, { schema, epoch: topic.epoch, partition })
    if (verified?.server !== server || isSame(verified, before)) {
      waits({
        code: verified?.server === server && verified.token === null ? 'DIVERGED' : 'NOT_VERIFIED',
        message: whatIsMissing(verified, { ...options, after }),
      })
      isWaiting = true
      await backoff.wait(signal)
      continue
    }
    before = verified
    // Also where nothing follows: what is verified is all there is.
    if (isWaiting) waits()
    isWaiting = false
    for await (const batch of readEvents({ ...options, after, verified, onOutage })) {
      backoff.reset()
      after = batch.at(-1)!.offset
      yield batch
    }
  }
}

function isSame(one: Verified, other: Verified | undefined): boolean {
  return one.token === other?.token && one.upTo === other.upTo
}

function whatIsMissing(
  verified: Verified | undefined,
  { topic, partition, server, after }: ReadVerifiedOptions,
): string {
  const log = `partition ${partition} of ${topic.name}, epoch ${topic.epoch}`
  if (!verified) return `No relay has compared ${log}, with the outbox yet. Does one of this release run?`
  if (verified.server !== server) {
    return `No relay has compared ${log}, with the outbox since the database server was started anew. Does one run?`
  }
  if (verified.token === null) {
    return (
      `P${log.slice(1)}, has diverged: what it holds behind offset ${verified.upTo} was not assigned there. ` +
      `"commitcast topic new-epoch --from ${topic.epoch}" continues without it.`
    )
  }
  return `Offset ${after + 1} of ${log}, was not appended by the relay that compared it with the outbox. It waits until one has compared again.`
}
