import { runProcess } from '@commitcast/worker'
import { createRandom } from './random.ts'
import { writeEvents } from './writer/write-events.ts'

/** What a writer process is given. */
export interface WriterConfig {
  readonly databaseUrl: string
  readonly seed: number
  /** Which of the writers this is. */
  readonly number: number
  readonly connections: number
  /** Whether they write fewer events, and larger ones: for clients on the same machine, which shall be slow now and then. */
  readonly isLight: boolean
}

await runProcess(
  'writer',
  async ({ signal, logger }) => {
    const { databaseUrl, seed, number, connections, isLight } = JSON.parse(process.argv[2] ?? '{}') as WriterConfig
    const slots = Array.from({ length: connections }, (_, slot) => ({
      connectionString: databaseUrl,
      name: `w${number}c${slot}`,
      isIdler: slot === 0,
      isLight,
      random: createRandom(seed, 1_000 * (number + 1) + slot),
      signal,
      logger,
    }))
    await Promise.all(slots.map(writeEvents))
  },
  { drainMs: 9_000 },
)
