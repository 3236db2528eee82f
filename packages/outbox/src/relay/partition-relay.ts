import { BrokerUnavailable, Diverged, endOf, MessageRefused, type Topic } from '@commitcast/broker'
import type { Message } from '@commitcast/events'
import {
  aborted,
  createBackoff,
  type LastingTrouble,
  lasting,
  type OutageLog,
  sleep,
  type Trouble,
  toTrouble,
} from '@commitcast/worker'
import { startedAnewState } from '../functions/sql-states.ts'
import { recordDiverged, recordVerified } from '../verified/record-verified.ts'
import type { BrokerLog } from './broker-log.ts'
import { findEnd, missingMessages, type PartitionOf } from './find-end.ts'
import { finishEpochs } from './finish-epochs.ts'
import { giveUp } from './give-up.ts'
import { lastOfOurs } from './last-of-ours.ts'
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

/** One leased partition on its way to the broker: finds where it stands, catches up, then carries what it is given. */
export interface PartitionRelay {
  /** Whether it takes another page now. */
  readonly hasRoom: boolean
  /** What keeps it from carrying events. */
  readonly trouble: LastingTrouble | undefined
  /** The database server was started anew: the relay has to begin again, and this partition has ended. */
  readonly restart: unknown
  /** A page that was just given. */
  add(messages: readonly Message[]): void
  /** Ends it when nothing is in flight any more. */
  stop(): Promise<void>
}

/** A halted partition is looked at again: an operator may have fixed it. */
const haltMs = 30_000
/**
 * How often a broker is asked whether it still has what it acknowledged, for nobody may be writing when it loses it: every
 * so many times `lostTailMs`.
 */
const tailCheckTimes = 3
/** A broker that owes an answer for longer than this has stalled. */
const patienceMs = 30_000

export function startPartitionRelay(options: PartitionRelayOptions): PartitionRelay {
  const { topic, partition, logger, acknowledged, lostTailMs, outages, brokerLog, reopen, onChange } = options
  const stopping = new AbortController()
  const { signal } = stopping
  const of: PartitionOf = { ...options, signal }
  let ready: PartitionPublisher | undefined
  let raiseDoubt: ((why: unknown) => void) | undefined
  let missedPage = false
  let trouble: LastingTrouble | undefined
  let restart: unknown
  const wait = (next: Trouble) => {
    trouble = lasting(next, trouble)
  }
  const settle = () => {
    trouble = undefined
    outages.ended(partition)
  }
  wait({ code: 'TAKING_OVER', message: 'taking over' })

  const backoff = createBackoff()
  let isAwaitedToHaveRoom = false
  const onStored = (offset: number) => {
    acknowledged.set(partition, Math.max(offset, acknowledged.get(partition) ?? 0))
    backoff.reset()
    brokerLog.stored()
    if (trouble && ready) settle()
    if (!isAwaitedToHaveRoom || !ready?.hasRoom) return
    isAwaitedToHaveRoom = false
    onChange()
  }

  /** From the broker's end on, through what it lacks, into what is given now; returns when that came to a halt. */
  const carry = async (): Promise<unknown> => {
    let after = await findEnd(of, { acknowledged: acknowledged.get(partition) ?? 0, maxInFlight, lostTailMs })
    acknowledged.set(partition, after)
    brokerLog.answered()
    const token = await recordVerified(of, after)
    const publisher = createPartitionPublisher({ topic, partition, after, token, onStored })
    const ending = new AbortController()
    const { promise: doubted, resolve: doubt } = Promise.withResolvers<unknown>()
    const halted = Promise.race([publisher.failed, doubted, aborted(signal)])
    try {
      do {
        missedPage = false
        for await (const messages of missingMessages(of, after)) {
          while (!publisher.hasRoom && !publisher.hasFailed && !signal.aborted) await sleep(5, signal)
          if (!publisher.add(messages)) return await Promise.race([halted, sleep(1_000, signal)])
          after = messages.at(-1)!.offset
        }
      } while (missedPage)
      ready = publisher
      raiseDoubt = doubt
      if (publisher.owedSince === undefined) settle()
      onChange()
      void checkTail(publisher, doubt, ending.signal)
      return await halted
    } finally {
      ready = undefined
      ending.abort()
      await publisher.settled()
    }
  }

  const checkTail = async (publisher: PartitionPublisher, doubt: (why: unknown) => void, signal: AbortSignal) => {
    for (;;) {
      await sleep(lostTailMs * tailCheckTimes * (0.5 + Math.random()), signal)
      if (signal.aborted) return
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

  /** A new epoch begins there, and groups read no further. */
  const noteWhere = async () => {
    const ours = await lastOfOurs(of)
    if (ours !== undefined) await recordDiverged(of, ours)
  }

  const life = async () => {
    while (!signal.aborted) {
      let failure = await carry().catch((error: unknown) => error)
      if (signal.aborted) return
      if (failure instanceof MessageRefused) {
        failure = await giveUp(of, failure).catch((error: unknown) => error)
        if (failure === undefined) continue
      }
      wait(toTrouble(failure))
      if ((failure as { code?: unknown } | undefined)?.code === startedAnewState) {
        restart = failure
        return onChange()
      }
      if (failure instanceof Diverged)
        await noteWhere().catch((err: unknown) =>
          logger.warn(
            { code: 'DIVERGENCE_NOT_RECORDED', partition, err },
            'could not record where the partition has diverged',
          ),
        )
      if (failure instanceof Diverged || failure instanceof MessageRefused) {
        outages.halted(failure, partition, { code: 'RELAY_PARTITION_HALTED' })
        await sleep(haltMs, signal)
      } else {
        brokerLog.failed(failure)
        outages.failed(failure, partition)
        await backoff.wait(signal)
        // A partition that somebody deleted on the broker is made again, and then refilled.
        if (failure instanceof BrokerUnavailable) await reopen().catch(() => {})
      }
    }
  }
  const lived = Promise.all([life(), finishEpochs(of, options.findEpoch)])

  return {
    get hasRoom() {
      const hasRoom = ready?.hasRoom ?? false
      isAwaitedToHaveRoom ||= !hasRoom
      return hasRoom
    },
    get trouble() {
      return trouble ?? stalled(ready)
    },
    get restart() {
      return restart
    },
    add(messages) {
      if (ready?.add(messages)) return
      // Somebody else gave a page before it, or we are in doubt: it will be read from the page log in its turn.
      missedPage = true
      ready = undefined
      raiseDoubt?.(new Error('A page was given that does not follow the one before.'))
    },
    async stop() {
      stopping.abort()
      await lived
      outages.forget(partition)
    },
  }
}

function stalled(publisher: PartitionPublisher | undefined): LastingTrouble | undefined {
  const since = publisher?.owedSince
  if (since === undefined || Date.now() - since < patienceMs) return undefined
  const seconds = Math.round((Date.now() - since) / 1_000)
  return { code: 'PARTITION_STALLED', message: `The broker has stored nothing for ${seconds} s.`, since }
}
