import { startChild } from './child.ts'
import type { WriterConfig } from './writer.ts'

const writers = 3
const connections = 8

/** Starts the processes that commit events. `stop` resolves when all have ended. */
export function startWriters({
  folder,
  ...given
}: Pick<WriterConfig, 'databaseUrl' | 'seed' | 'isLight'> & {
  /** The folder for logs. */
  readonly folder: string
}): { stop(): Promise<void> } {
  const all = Array.from({ length: writers }, (_, number) => {
    const config: WriterConfig = { ...given, number, connections }
    return startChild('writer', { name: `writer-${number}`, config, folder })
  })
  return { stop: async () => void (await Promise.all(all.map((writer) => writer.stop()))) }
}
