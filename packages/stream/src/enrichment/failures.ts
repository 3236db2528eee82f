import { type CommittedEvent, InvalidValue, type Message, type UnreadableEvent } from '@commitcast/events'
import type { Logger } from '@commitcast/worker'

/** What an enrichment could not do, since the worker started. */
export interface FailureCounts {
  /** Look-ups of one kind for one event that failed, or found what would not be read back unchanged. */
  readonly failedLookUps: number
  /** Events that went out and lack metadata, because a look-up failed or the live message would have been too large. */
  readonly withoutMetadata: number
  /** Events that can't be read: their followers got `unreadable`, and nothing of what they hold. */
  readonly unreadable: number
  /** Events that no client received, because the broker refuses their live message even without metadata. */
  readonly untold: number
}

/** Counts what goes out with less than it should have, and says so in the log, at most a line every ten seconds of each sort. */
export interface Failures {
  readonly counts: FailureCounts
  lookUpFailed(event: CommittedEvent, kinds: ReadonlyMap<string, unknown>): void
  unreadable(message: Message, error: UnreadableEvent): void
  tooLarge(event: { readonly partition: number; readonly offset: number; readonly id: string }, error: unknown): void
  untold(event: { readonly partition: number; readonly offset: number; readonly id: string }, error: unknown): void
}

const quietMs = 10_000

export function createFailures(logger: Logger): Failures {
  const counts = { failedLookUps: 0, withoutMetadata: 0, unreadable: 0, untold: 0 }
  const saidAt = new Map<string, number>()

  const say = (level: 'warn' | 'error', words: string, details: object) => {
    const now = Date.now()
    if (now - (saidAt.get(words) ?? Number.NEGATIVE_INFINITY) < quietMs) return
    saidAt.set(words, now)
    logger[level]({ ...details, ...counts }, words)
  }

  return {
    counts,
    lookUpFailed({ partition, offset, id }, kinds) {
      counts.failedLookUps += kinds.size
      counts.withoutMetadata++
      for (const [kind, err] of kinds) {
        const details = { kind, partition, offset, id, err }
        if (err instanceof InvalidValue) {
          say('warn', 'metadata can not be encoded; events are published without this kind', {
            code: 'METADATA_REFUSED',
            why: err.describe(kind),
            ...details,
          })
        } else {
          const words = 'look-up fails for some events; they are published without this metadata'
          say('warn', words, { code: 'LOOK_UP_FAILED', ...details })
        }
      }
    },
    unreadable({ offset, id, type }, err) {
      counts.unreadable++
      say('error', 'event can not be read; its followers receive an "unreadable" envelope', {
        code: err.code,
        offset,
        id,
        type,
        err,
      })
    },
    tooLarge(event, err) {
      counts.withoutMetadata++
      say('warn', 'live message was too large for the broker; published without metadata', {
        code: 'METADATA_TOO_LARGE',
        ...event,
        err,
      })
    },
    untold(event, err) {
      counts.untold++
      say('error', 'broker refuses a live message even without metadata; no follower receives the event', {
        code: 'LIVE_MESSAGE_REFUSED',
        ...event,
        err,
      })
    },
  }
}
