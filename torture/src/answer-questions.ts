import type { ProcessContext } from '@commitcast/worker'

/** Answers the questions that `Child.ask` asks of this process, until it is told to stop. */
export function answerQuestions(
  { signal, logger }: ProcessContext,
  answers: Readonly<Record<string, () => Promise<unknown>>>,
): void {
  const hear = async (question: unknown) => {
    try {
      const answer = await answers[String(question)]?.()
      if (process.connected) process.send?.({ to: question, answer })
    } catch (error) {
      logger.error({ err: error, question }, 'has no answer')
    }
  }
  process.on('message', hear)
  signal.addEventListener('abort', () => process.off('message', hear), { once: true })
}
