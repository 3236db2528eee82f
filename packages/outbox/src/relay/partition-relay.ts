import { BrokerUnavailable, Diverged, MessageRefused } from '@commitcast/broker'
import type { Message } from '@commitcast/events'
import { createBackoff, type LastingTrouble, sleep, toTrouble } from '@commitcast/worker'
import { leaseLostState, startedAnewState } from '../functions/sql-states.ts'
import { recordDiverged } from '../verified/record-verified.ts'
import {
  type CarriedPartition,
  carryPartition,
  type PartitionRelayOptions,
  type PartitionState,
  waitFor,
} from './carry-partition.ts'
import { finishEpochs } from './finish-epochs.ts'
import { giveUp } from './give-up.ts'
import { lastOfOurs } from './last-of-ours.ts'
import type { PartitionPublisher } from './partition-publisher.ts'

/** One leased partition on its way to the broker: finds where its log ends, catches up, then carries the pages that are assigned. */
export interface PartitionRelay {
  /** Whether it takes another page now. */
  readonly hasRoom: boolean
  /** What keeps it from carrying events. */
  readonly trouble: LastingTrouble | undefined
  /** The database server was started anew: the relay has to begin again, and this partition has ended. */
  readonly restart: unknown
  /** Adds a page that was just assigned. */
  add(messages: readonly Message[]): void
  /** Ends it when nothing is in flight any more. */
  stop(): Promise<void>
}

/** A halted partition is looked at again: an operator may have fixed it. */
const haltMs = 30_000
/** A broker that owes an answer for longer than this has stalled. */
const patienceMs = 30_000

export function startPartitionRelay(options: PartitionRelayOptions): PartitionRelay {
  const stopping = new AbortController()
  const state: PartitionState = {
    ready: undefined,
    raiseDoubt: undefined,
    missedPage: false,
    isAwaitedToHaveRoom: false,
    trouble: undefined,
    restart: undefined,
  }
  const carried: CarriedPartition = { ...options, signal: stopping.signal, state, backoff: createBackoff() }
  waitFor(carried, { code: 'TAKING_OVER', message: 'taking over' })
  const ended = Promise.all([carryUntilStopped(carried), finishEpochs(carried, options.findEpoch)])

  return {
    get hasRoom() {
      const hasRoom = state.ready?.hasRoom ?? false
      state.isAwaitedToHaveRoom ||= !hasRoom
      return hasRoom
    },
    get trouble() {
      return state.trouble ?? stalled(state.ready)
    },
    get restart() {
      return state.restart
    },
    add(messages) {
      if (state.ready?.add(messages)) return
      // Another relay assigned a page before it, or the partition is in doubt: the page is read from the page log later.
      state.missedPage = true
      state.ready = undefined
      state.raiseDoubt?.(new Error('A page was assigned that does not follow the one before.'))
    },
    async stop() {
      stopping.abort()
      await ended
      options.outages.forget(options.partition)
    },
  }
}

/** Takes over and carries, again after every doubt, until it is stopped or the database server was started anew. */
async function carryUntilStopped(carried: CarriedPartition): Promise<void> {
  const { state, signal, onChange } = carried
  while (!signal.aborted) {
    let failure = await carryPartition(carried).catch((error: unknown) => error)
    if (signal.aborted) return
    if (failure instanceof MessageRefused) {
      failure = await giveUp(carried, failure).catch((error: unknown) => error)
      if (failure === undefined) continue
    }
    waitFor(carried, toTrouble(failure))
    if (codeOf(failure) === startedAnewState) {
      state.restart = failure
      return onChange()
    }
    await waitInDoubt(carried, failure)
  }
}

/** Logs why carrying ended, and waits until it is time to take over again. */
async function waitInDoubt(carried: CarriedPartition, failure: unknown): Promise<void> {
  const { partition, signal, outages, brokerLog, backoff, reopen } = carried
  if (failure instanceof Diverged) await recordWhereDiverged(carried)
  if (failure instanceof Diverged || failure instanceof MessageRefused) {
    outages.halted(failure, partition, { code: 'RELAY_PARTITION_HALTED' })
    await sleep(haltMs, signal)
    return
  }
  // A lease that went to another relay, or to a new epoch, is no failure: this partition is stopped at the next renewal.
  if (codeOf(failure) !== leaseLostState) {
    brokerLog.failed(failure)
    outages.failed(failure, partition)
  }
  await backoff.wait(signal)
  // A partition that was deleted on the broker is made again, and then refilled.
  if (failure instanceof BrokerUnavailable) await reopen().catch(() => {})
}

function codeOf(failure: unknown): unknown {
  return (failure as { code?: unknown } | undefined)?.code
}

/** A new epoch begins there, and groups read no further. */
async function recordWhereDiverged(carried: CarriedPartition): Promise<void> {
  const { logger, partition } = carried
  try {
    const ours = await lastOfOurs(carried)
    if (ours !== undefined) await recordDiverged(carried, ours)
  } catch (err) {
    logger.warn(
      { code: 'DIVERGENCE_NOT_RECORDED', partition, err },
      'could not record where the partition has diverged',
    )
  }
}

function stalled(publisher: PartitionPublisher | undefined): LastingTrouble | undefined {
  const since = publisher?.owedSince
  if (since === undefined || Date.now() - since < patienceMs) return undefined
  const seconds = Math.round((Date.now() - since) / 1_000)
  return { code: 'PARTITION_STALLED', message: `The broker has stored nothing for ${seconds} s.`, since }
}
