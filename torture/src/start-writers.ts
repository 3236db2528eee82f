import { type ChildOptions, startChild } from './child.ts'
import type { WriterConfig } from './writer.ts'

const writers = 3
const connections = 8
const mostWaiting = 3_000
const answerMs = 30_000

/** The processes that commit events. */
export interface Writing {
  /** Lets them write no more while the rest is too far behind them, so that a slow machine is not buried. */
  keepPace(waiting: number): void
  /** Lets them write nothing, or again. Resolves when they know. */
  hold(isHeld: boolean): Promise<void>
  /** Resolves when all have ended. */
  stop(): Promise<void>
}

export type WritersOptions = Pick<WriterConfig, 'databaseUrl' | 'seed' | 'isLight'> &
  Pick<ChildOptions, 'folder' | 'onCrash'> & {
    /** Whether customers request purchases, too. */
    readonly withCustomers: boolean
  }

/** Starts the processes that commit events. */
export function startWriters({ folder, onCrash, withCustomers, ...given }: WritersOptions): Writing {
  const start = (role: 'writer' | 'customers', number: number) => {
    const config: WriterConfig = { ...given, number, connections }
    return startChild(role, { name: `${role}-${number}`, config, folder, onCrash })
  }
  const all = Array.from({ length: writers }, (_, number) => start('writer', number))
  if (withCustomers) all.push(start('customers', 0))
  let [isAhead, isHeld, isResting] = [false, false, false]
  const tell = async () => {
    if (isResting === (isAhead || isHeld)) return
    isResting = !isResting
    const question = isResting ? 'rest' : 'write'
    await Promise.allSettled(all.map((writer) => writer.ask(question, answerMs)))
  }
  return {
    keepPace(waiting) {
      isAhead = waiting > mostWaiting
      void tell()
    },
    hold(held) {
      isHeld = held
      return tell()
    },
    stop: async () => void (await Promise.all(all.map((writer) => writer.stop()))),
  }
}
