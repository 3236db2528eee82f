import type { ChildProcess } from 'node:child_process'

/** What a process answers to a question: its answer, or why it has none. */
export interface Answer {
  readonly to: string
  readonly answer?: unknown
  readonly error?: string
}

interface Asking {
  readonly question: string
  readonly ms: number
  readonly name: string
  readonly ended: Promise<string>
  /** The end of its log, for errors. */
  readonly tail: () => string
}

/** Asks a process that answers with `answerQuestions`. Rejects when it says that it has no answer, ends first, or after `ms`. */
export function askChild<TAnswer>(child: ChildProcess, { question, ms, name, ended, tail }: Asking): Promise<TAnswer> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      clearTimeout(timer)
      child.off('message', receive)
      act()
    }
    const fail = (why: string) => settle(() => reject(new Error(`${name}, asked "${question}", ${why}. ${tail()}`)))
    const receive = (message: unknown) => {
      const { to, answer, error } = message as Answer
      if (to !== question) return
      if (error === undefined) settle(() => resolve(answer as TAnswer))
      else fail(`has no answer: ${error}`)
    }
    const timer = setTimeout(() => fail(`did not answer in ${ms} ms`), ms)
    child.on('message', receive)
    void ended.then((how) => fail(`ended (${how})`))
    if (child.connected) child.send(question, (error) => error && fail(`could not be asked: ${error.message}`))
  })
}
