import type { Shown as Reading } from '@commitcast/outbox'
import { createBell, type Logger, sleep, timelineOf } from '@commitcast/worker'

/** What is known of states that were read a while ago: how far the log has to be followed until they hide nothing any more. */
export interface Shown {
  /** Asks for the states that have been read by now; returns the number of the answer that counts for them. */
  ask(): number
  /** The newest answer. */
  readonly newest: ShownUpTo | undefined
}

/** For all states that had been read when an answer was begun: no event behind these offsets is one that such a state shows. */
interface ShownUpTo {
  readonly number: number
  readonly offsets: readonly number[]
  /** The timeline under which it counts. */
  readonly timeline: number
}

export interface ShownOptions {
  readonly epoch: number
  /** Reads what a snapshot shows of the topic; default the one of now. */
  readonly read: (snapshot?: string) => Promise<Reading>
  readonly signal: AbortSignal
  readonly logger: Logger
}

/** How long states gather before one question is asked for them all. */
const gatherMs = 2_000
/** Events that a snapshot shows get their offsets within milliseconds, unless no relay runs. */
const againMs = 1_000

/** Asks the database only while there is a state that it has not been asked about. */
export function createShown({ epoch, read, signal, logger }: ShownOptions): Shown & { readonly done: Promise<void> } {
  const bell = createBell()
  let newest: ShownUpTo | undefined
  let begun = 0
  let asked = 0

  const answer = async (number: number) => {
    const first = await read()
    const timeline = timelineOf(first.server)
    if (first.epoch !== epoch || timeline === undefined) return
    const offsets = [...first.offsets]
    while (offsets.includes(null)) {
      await sleep(againMs, signal)
      if (signal.aborted) return
      const reading = await read(first.snapshot)
      if (reading.epoch !== epoch || timelineOf(reading.server) !== timeline) return
      for (const [partition, offset] of reading.offsets.entries()) offsets[partition] ??= offset
    }
    newest = { number, offsets: offsets as number[], timeline }
  }
  const life = async () => {
    while (!signal.aborted) {
      if (asked <= begun) await bell.wait(idleMs, signal)
      if (asked <= begun) continue
      await sleep(gatherMs, signal)
      begun = asked
      // Until it works, cursors are longer than they have to be.
      await answer(begun).catch((err: unknown) => {
        logger.debug({ code: 'STATE_REACH_UNKNOWN', err }, 'cannot ask how far states reach')
        asked = begun + 1
      })
    }
  }
  return {
    ask() {
      asked = begun + 1
      bell.ring()
      return asked
    },
    get newest() {
      return newest
    },
    done: life(),
  }
}

const idleMs = 60_000
