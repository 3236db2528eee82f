import type { Message, Owner } from '../broker.ts'

/** One partition of one topic incarnation. */
export interface Log {
  /** The messages that are kept, oldest first; `undefined` for one that was deleted inside. */
  readonly messages: (Message | undefined)[]
  /** How many were stored before those that are kept. */
  forgotten: number
  readonly waiting: Set<() => void>
  readonly owner: Owner | undefined
}

/** Where memory brokers keep their logs; several brokers may share one, as clients share a server. */
export type MemoryStorage = Map<string, Log>

export function createLog(owner?: Owner): Log {
  return { messages: [], forgotten: 0, waiting: new Set(), owner }
}

/** The offset of the newest message that was ever stored. */
export function endOf(log: Log): number {
  return log.forgotten + log.messages.length
}

export function store(log: Log, messages: readonly Message[]): void {
  log.messages.push(...messages)
  wakeAll(log)
}

/** Has a log that holds no message begin after an offset. */
export function beginAfter(log: Log, offset: number): void {
  log.forgotten = offset
  wakeAll(log)
}

function wakeAll(log: Log): void {
  for (const wake of log.waiting) wake()
}

/** Resolves at the next message, or at the abort. */
export function grown(log: Log, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const wake = () => {
      log.waiting.delete(wake)
      signal.removeEventListener('abort', wake)
      resolve()
    }
    log.waiting.add(wake)
    signal.addEventListener('abort', wake, { once: true })
  })
}
