import { endOf, type Message, type Topic } from '@commitcast/broker'
import { type PartitionReport, sleep } from '@commitcast/worker'
import type { EnrichBatch } from './enrich-batch.ts'
import type { Failures } from './failures.ts'
import { createLivePublisher, type LivePublisher } from './live-publisher.ts'

export interface CarryOptions {
  /** The live topic. */
  readonly target: Topic
  readonly partition: number
  /** Where the live topic ends. */
  readonly after: number
  /** The events that follow, until the signal aborts. */
  readonly batches: (signal: AbortSignal) => AsyncIterable<readonly Message[]>
  readonly enrich: EnrichBatch
  /** The database's timeline under which the events are read; none where the server does not show it. */
  readonly timeline?: number | undefined
  readonly failures: Failures
  /** The ids of events to be skipped. */
  readonly skipped: ReadonlySet<string>
  readonly signal: AbortSignal
  /** Says what it has in hand. */
  readonly report: Pick<PartitionReport, 'busy' | 'progressed'>
  /** How often, roughly, a quiet broker is asked whether it still has what it acknowledged. Without it, it is not asked. */
  readonly tailCheckMs?: number
}

/**
 * Enriches batches and appends their live messages. While some are on their way to the broker, the look-ups of the next
 * batch run. Ends with the batches, or with the first failure, when nothing is on its way any more.
 */
export async function carryBatches(options: CarryOptions): Promise<void> {
  const { target, partition, batches, enrich, timeline, skipped, report, tailCheckMs } = options
  const ending = new AbortController()
  const signal = AbortSignal.any([options.signal, ending.signal])
  let failure: { readonly error: unknown } | undefined
  const onFailure = (error: unknown) => {
    if (!ending.signal.aborted) failure ??= { error }
    ending.abort()
  }
  const store = 'the broker to store live messages'
  const onStored = () => {
    report.progressed()
    if (!publisher.isIdle) report.busy(store)
  }
  const publisher = createLivePublisher({ ...options, onStored, onFailure })
  const watching =
    tailCheckMs === undefined ? undefined : watchTail({ ...options, signal, publisher, tailCheckMs, onFailure })
  try {
    for await (const batch of batches(signal)) {
      report.busy(`the look-ups of offsets ${batch[0]?.offset} to ${batch.at(-1)?.offset}`)
      const { messages, stuck } = await enrich(batch, { epoch: target.epoch, partition, timeline, skipped, signal })
      if (signal.aborted) break
      report.busy(store)
      await publisher.add(messages)
      if (stuck) throw stuck
    }
    await publisher.settled()
  } catch (error) {
    await publisher.settled()
    onFailure(error)
  }
  ending.abort()
  await watching
  if (failure && !options.signal.aborted) throw failure.error
}

interface Watched extends Pick<CarryOptions, 'target' | 'partition'> {
  readonly publisher: LivePublisher
  readonly tailCheckMs: number
  readonly onFailure: (error: unknown) => void
  readonly signal: AbortSignal
}

/** A broker may lose the newest messages that it acknowledged. A writer finds out; this is for when there is none. */
async function watchTail({ target, partition, publisher, tailCheckMs, onFailure, signal }: Watched): Promise<void> {
  for (;;) {
    await sleep(tailCheckMs * (0.5 + Math.random()), signal)
    if (signal.aborted) return
    const { stored, isIdle } = publisher
    try {
      if (isIdle) await checkTail({ target, partition, stored })
    } catch (error) {
      return onFailure(error)
    }
  }
}

async function checkTail({ target, partition, stored }: { target: Topic; partition: number; stored: number }) {
  const end = await endOf(target, partition)
  if (end >= stored) return
  throw new Error(
    `${target.name}, partition ${partition}, ends at offset ${end} on the broker; it had acknowledged ${stored}. What is ` +
      'missing is made again from the events.',
  )
}
