import { sleep } from '@commitcast/worker'

export interface PollOptions<T> {
  readonly isDone: (answer: T) => boolean
  readonly everyMs: number
  readonly patienceMs: number
  /** The error's message after `patienceMs`. Default: the last answer is returned. */
  readonly late?: (answer: T) => string
}

/** Asks again and again until an answer is the one that is waited for, and returns it. */
export async function poll<T>(ask: () => Promise<T> | T, options: PollOptions<T>): Promise<T> {
  const { isDone, everyMs, patienceMs, late } = options
  for (const until = Date.now() + patienceMs; ; await sleep(everyMs)) {
    const answer = await ask()
    if (isDone(answer)) return answer
    if (Date.now() <= until) continue
    if (late) throw new Error(`After ${patienceMs} ms ${late(answer)}`)
    return answer
  }
}
