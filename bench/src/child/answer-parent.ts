import type { Answer, Question } from './start-child.ts'

/** Answers what `Child.ask` asks of this process, until the signal aborts. */
export function answerParent(
  signal: AbortSignal,
  verbs: Readonly<Record<string, (argument: never) => Promise<unknown>>>,
): Promise<void> {
  const hear = async (message: unknown) => {
    const { id, verb, argument } = message as Question
    const say = (answer: Answer) => process.connected && process.send?.(answer)
    try {
      say({ id, answer: (await verbs[verb]?.(argument as never)) ?? null })
    } catch (error) {
      say({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
    }
  }
  process.on('message', hear)
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => {
      process.off('message', hear)
      resolve()
    })
  })
}
