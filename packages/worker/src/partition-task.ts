import type { OutageLog } from './outage-log.ts'
import { type LastingTrouble, lasting, type Trouble, toTrouble } from './trouble.ts'

/** What the work on a partition reports, and what it can ask. */
export interface PartitionReport {
  /** Says for the health what it waits for, and with nothing that it continues. An `error` is logged, once. */
  readonly waits: (trouble?: Trouble, error?: unknown) => void
  /**
   * Says that it has something in hand, and what it waits for; without words, that it has nothing. Where neither progress nor
   * anything else is said for `allowMs`, by default 30,000, the partition is not ready, and a warning is logged.
   */
  readonly busy: (waitsFor?: string, allowMs?: number) => void
  /**
   * Says that it made progress, and has nothing in hand: an offset is committed, a message stored, or everything that is there
   * is done. Only after that are the pauses between tries short again.
   */
  readonly progressed: () => void
  /**
   * Says which offset it read or committed last, by number. When a renewal finds an older one, the database has lost commits
   * in a crash or a fail-over: the work is stopped and begins again.
   */
  readonly committed: (number: bigint) => void
  /**
   * Aborts when the lease may have run out: no renewal succeeded for as long as it lasts. The work's own signal aborts only
   * when a renewal says that it is lost; so ask again after the next one.
   */
  readonly held: () => AbortSignal
}

export interface PartitionTaskOptions {
  readonly partition: number
  readonly outages: OutageLog
  readonly held: PartitionReport['held']
  /** Called at each progress. */
  readonly onProgress: () => void
}

/** What is known of the work on one partition, over all its tries. */
export interface PartitionTask {
  readonly report: PartitionReport
  readonly committed: bigint | undefined
  readonly trouble: LastingTrouble | undefined
  /** A try ended with this error. It is the partition's trouble until there is progress. */
  failed(error: unknown): void
  /** Logs, once, that there has been no progress for too long. Called now and then. */
  look(): void
}

const patienceMs = 30_000

export function createPartitionTask(options: PartitionTaskOptions): PartitionTask {
  const { partition, outages, held, onProgress } = options
  let reported: LastingTrouble | undefined
  let failure: LastingTrouble | undefined
  let inHand: InHand | undefined
  let isLogged = false
  let committed: bigint | undefined

  const log = (error: unknown, trouble: Trouble) => {
    isLogged = true
    outages.failed(error, partition, { code: trouble.code, waitsFor: trouble.message })
  }
  const settle = () => {
    if (reported || failure || inHand) return
    if (isLogged) outages.ended(partition)
    isLogged = false
  }
  return {
    report: {
      waits(trouble, error) {
        reported = trouble && lasting(trouble, reported)
        if (trouble && error !== undefined) log(error, trouble)
        if (!trouble) settle()
      },
      busy(waitsFor, allowMs = patienceMs) {
        inHand = waitsFor === undefined ? undefined : { waitsFor, allowMs, since: Date.now() }
      },
      progressed() {
        failure = undefined
        inHand = undefined
        onProgress()
        settle()
      },
      committed(number) {
        committed = number
      },
      held,
    },
    get committed() {
      return committed
    },
    get trouble() {
      return reported ?? failure ?? stalled(partition, inHand)
    },
    failed(error) {
      const trouble = toTrouble(error)
      reported = undefined
      failure = lasting(trouble, failure)
      inHand = undefined
      // The next renewal ends this work: another worker has the partition, or a rebuild has ended.
      if (trouble.code !== 'LEASE_LOST') log(error, trouble)
    },
    look() {
      const trouble = [reported, failure].find(hasLasted) ?? stalled(partition, inHand)
      if (trouble && !isLogged) log({ code: trouble.code, message: trouble.message }, trouble)
    },
  }
}

function hasLasted(trouble: LastingTrouble | undefined): boolean {
  return trouble !== undefined && Date.now() - trouble.since > patienceMs
}

interface InHand {
  readonly waitsFor: string
  readonly since: number
  readonly allowMs: number
}

function stalled(partition: number, inHand: InHand | undefined): LastingTrouble | undefined {
  if (!inHand || Date.now() - inHand.since < inHand.allowMs) return undefined
  const { waitsFor, since } = inHand
  const seconds = Math.round((Date.now() - since) / 1_000)
  const message = `Partition ${partition} has made no progress for ${seconds} s: it waits for ${waitsFor}.`
  return { code: 'PARTITION_STALLED', message, since }
}
