import type { ProcessContext } from 'commitcast/process'
import type { Answer } from './ask-child.ts'

/** Answers the questions that `Child.ask` asks of this process, until it is told to stop. */
export function answerQuestions(
  { signal, logger }: ProcessContext,
  answers: Readonly<Record<string, () => Promise<unknown>>>,
): void {
  const send = (answer: Answer) => {
    if (process.connected) process.send?.(answer)
  }
  const receive = async (message: unknown) => {
    const question = String(message)
    try {
      send({ to: question, answer: await answers[question]?.() })
    } catch (error) {
      logger.error({ code: 'QUESTION_FAILED', err: error, question }, 'could not answer')
      send({ to: question, error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
    }
  }
  process.on('message', receive)
  signal.addEventListener('abort', () => process.off('message', receive), { once: true })
}
