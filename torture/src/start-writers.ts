import { type Child, type ChildOptions, startChild } from './child.ts'
import type { WriterConfig } from './writer.ts'

const writers = 3
const connections = 8
const mostWaiting = 10_000
const answerMs = 30_000

/** Starts the processes that commit events. `stop` resolves when all have ended. */
export function startWriters({
  folder,
  onCrash,
  ...given
}: Pick<WriterConfig, 'databaseUrl' | 'seed' | 'isLight'> & Pick<ChildOptions, 'folder' | 'onCrash'>): {
  readonly all: readonly Child[]
  /** Lets them write no more while the rest is too far behind them, so that a slow machine is not buried. */
  keepPace(waiting: number): void
  stop(): Promise<void>
} {
  const all = Array.from({ length: writers }, (_, number) => {
    const config: WriterConfig = { ...given, number, connections }
    return startChild('writer', { name: `writer-${number}`, config, folder, onCrash })
  })
  let isResting = false
  return {
    all,
    keepPace(waiting) {
      if (isResting === waiting > mostWaiting) return
      isResting = !isResting
      for (const writer of all) writer.ask(isResting ? 'rest' : 'write', answerMs).catch(() => {})
    },
    stop: async () => void (await Promise.all(all.map((writer) => writer.stop()))),
  }
}
