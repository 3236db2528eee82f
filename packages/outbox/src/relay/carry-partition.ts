import { endOf, type Topic } from '@commitcast/broker'
import {
  aborted,
  type Backoff,
  type LastingTrouble,
  lasting,
  type OutageLog,
  sleep,
  type Trouble,
} from '@commitcast/worker'
import { recordVerified } from '../verified/record-verified.ts'
import type { BrokerLog } from './broker-log.ts'
import { findEnd, missingMessages } from './find-end.ts'
import type { PartitionOf } from './partition-of.ts'
import { createPartitionPublisher, maxInFlight, type PartitionPublisher } from './partition-publisher.ts'

export interface PartitionRelayOptions extends Omit<PartitionOf, 'signal'> {
  /** The highest acknowledged offset of each partition; outlives a lease. */
  readonly acknowledged: Map<number, number>
  readonly lostTailMs: number
  /** Where its outages are logged, with those of the other partitions. */
  readonly outages: OutageLog
  /** Looks for the topic in an earlier epoch. */
  readonly findEpoch: (epoch: number) => Promise<Topic | undefined>
  /** Makes what is missing of the topic. */
  readonly reopen: () => Promise<unknown>
  /** Outlives a lease, as an outage of the broker does. */
  readonly brokerLog: BrokerLog
  /** Called when there is room again for a page, or something else to look at. */
  readonly onChange: () => void
}

/** What the parts of one partition's relay share: it takes over, then carries assigned pages, and is in doubt after any failure. */
export interface PartitionState {
  /** Takes assigned pages. Missing while it takes over and while it is in doubt. */
  ready: PartitionPublisher | undefined
  /** Ends the carrying, because what the broker holds is in doubt. Missing before the first page. */
  raiseDoubt: ((why: unknown) => void) | undefined
  /** A page was assigned that could not be added: it is read from the page log. */
  missedPage: boolean
  /** `onChange` is to be called when there is room again. */
  isAwaitedToHaveRoom: boolean
  trouble: LastingTrouble | undefined
  /** The error of a database server that was started anew. */
  restart: unknown
}

/** One partition: what it is of, what its parts share, and how long it waits between its attempts. */
export interface CarriedPartition extends PartitionRelayOptions, PartitionOf {
  readonly state: PartitionState
  readonly backoff: Backoff
}

/**
 * How often a broker is asked whether it still has what it acknowledged, for no append may show that it lost it: every so many
 * times `lostTailMs`.
 */
const tailCheckTimes = 3

/**
 * Carries a partition from the broker's end on: through what the broker lacks, into the pages that are assigned now. Returns
 * what stopped it, once nothing is in flight.
 */
export async function carryPartition(carried: CarriedPartition): Promise<unknown> {
  const { state, onChange, signal } = carried
  const { publisher, after } = await takeOver(carried)
  const ending = new AbortController()
  const { promise: doubted, resolve: doubt } = Promise.withResolvers<unknown>()
  const halted = Promise.race([publisher.failed, doubted, aborted(signal)])
  try {
    if (!(await addMissing(carried, publisher, after))) return await Promise.race([halted, sleep(1_000, signal)])
    state.ready = publisher
    state.raiseDoubt = doubt
    if (publisher.owedSince === undefined) settle(carried)
    onChange()
    void checkTail(carried, publisher, { doubt, ending: ending.signal })
    return await halted
  } finally {
    state.ready = undefined
    ending.abort()
    await publisher.settled()
  }
}

/** Notes what keeps the partition from carrying events, since when. */
export function waitFor({ state }: CarriedPartition, trouble: Trouble): void {
  state.trouble = lasting(trouble, state.trouble)
}

function settle({ state, outages, partition }: CarriedPartition): void {
  state.trouble = undefined
  outages.ended(partition)
}

/** Finds where the broker's log ends, compares it with the page log, and publishes that it is verified up to there. */
async function takeOver(carried: CarriedPartition) {
  const { topic, partition, acknowledged, lostTailMs, brokerLog } = carried
  const after = await findEnd(carried, { acknowledged: acknowledged.get(partition) ?? 0, maxInFlight, lostTailMs })
  acknowledged.set(partition, after)
  brokerLog.answered()
  const token = await recordVerified(carried, after)
  const onStored = (offset: number) => afterStored(carried, offset)
  return { publisher: createPartitionPublisher({ topic, partition, after, token, onStored }), after }
}

/** Adds what the page log assigned behind `after`, until it meets the pages that are assigned now. False where the publisher failed. */
async function addMissing(carried: CarriedPartition, publisher: PartitionPublisher, after: number): Promise<boolean> {
  const { state, signal } = carried
  let end = after
  do {
    state.missedPage = false
    for await (const messages of missingMessages(carried, end)) {
      while (!publisher.hasRoom && !publisher.hasFailed && !signal.aborted) await sleep(5, signal)
      if (!publisher.add(messages)) return false
      end = messages.at(-1)!.offset
    }
  } while (state.missedPage)
  return true
}

function afterStored(carried: CarriedPartition, offset: number): void {
  const { state, partition, acknowledged, brokerLog, backoff, onChange } = carried
  acknowledged.set(partition, Math.max(offset, acknowledged.get(partition) ?? 0))
  backoff.reset()
  brokerLog.stored()
  if (state.trouble && state.ready) settle(carried)
  if (!state.isAwaitedToHaveRoom || !state.ready?.hasRoom) return
  state.isAwaitedToHaveRoom = false
  onChange()
}

interface TailCheck {
  readonly doubt: (why: unknown) => void
  readonly ending: AbortSignal
}

async function checkTail(carried: CarriedPartition, publisher: PartitionPublisher, { doubt, ending }: TailCheck) {
  const { topic, partition, acknowledged, lostTailMs } = carried
  for (;;) {
    await sleep(lostTailMs * tailCheckTimes * (0.5 + Math.random()), ending)
    if (ending.aborted) return
    const due = acknowledged.get(partition) ?? 0
    try {
      const end = await endOf(topic, partition)
      if (end < due) doubt(new Error(`The broker ends at offset ${end}; it had acknowledged ${due}.`))
    } catch (error) {
      // With something to send, the outage shows there.
      if (publisher.owedSince === undefined) doubt(error)
    }
  }
}
