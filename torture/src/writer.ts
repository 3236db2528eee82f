import { runProcess } from 'commitcast/process'
import { answerQuestions } from './answer-questions.ts'
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
  async (context) => {
    const { signal, logger } = context
    const { databaseUrl, seed, number, connections, isLight } = JSON.parse(process.argv[2] ?? '{}') as WriterConfig
    let isResting = false
    answerQuestions(context, {
      async rest() {
        isResting = true
      },
      async write() {
        isResting = false
      },
    })
    const slots = Array.from({ length: connections }, (_, slot) => ({
      connectionString: databaseUrl,
      name: `w${number}c${slot}`,
      isIdler: slot === 0,
      isLight,
      random: createRandom(seed, 1_000 * (number + 1) + slot),
      isResting: () => isResting,
      signal,
      logger,
    }))
    await Promise.all(slots.map(writeEvents))
  },
  { drainMs: 9_000 },
)
