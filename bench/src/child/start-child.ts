import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** A process of a bench, so that what is measured shares no event loop and no heap with what measures. */
export interface Child extends AsyncDisposable {
  /** Asks for one answer. Rejects with the child's own words when it fails, and when it ends first. */
  ask<TAnswer>(verb: string, argument?: unknown): Promise<TAnswer>
  /** Freezes it, and lets it go on. */
  pause(): void
  resume(): void
}

/** What goes to a child, and what comes back. */
export interface Question {
  readonly id: number
  readonly verb: string
  readonly argument: unknown
}
export type Answer = { readonly id: number } & ({ readonly answer: unknown } | { readonly error: string })

const stopMs = 10_000

/** Starts a script of this package as a process, with `config` as its argument. It is told to drain when it is disposed. */
export function startChild(script: string, config: unknown): Child {
  const path = fileURLToPath(new URL(`../${script}`, import.meta.url))
  // Standard output is for the result alone.
  const child = fork(path, [JSON.stringify(config)], {
    stdio: ['ignore', 2, 2, 'ipc'],
    env: { LOG_LEVEL: 'warn', ...process.env },
  })
  const ended = new Promise<string>((resolve) => child.once('exit', (code, signal) => resolve(String(signal ?? code))))
  const waiting = new Map<number, { resolve: (answer: unknown) => void; reject: (error: Error) => void }>()
  let questions = 0
  child.on('message', (message) => {
    const said = message as Answer
    const asker = waiting.get(said.id)
    waiting.delete(said.id)
    if ('error' in said) asker?.reject(new Error(`${script}: ${said.error}`))
    else asker?.resolve(said.answer)
  })
  void ended.then((how) => {
    for (const { reject } of waiting.values()) reject(new Error(`${script} ended (${how}) before it had answered.`))
  })
  const kill = () => child.kill('SIGKILL')
  const resume = () => {
    process.off('exit', kill)
    child.kill('SIGCONT')
  }
  return {
    ask<TAnswer>(verb: string, argument: unknown = null) {
      return new Promise<TAnswer>((resolve, reject) => {
        const id = ++questions
        waiting.set(id, { resolve: (answer) => resolve(answer as TAnswer), reject })
        child.send({ id, verb, argument } satisfies Question, (error) => error && reject(error))
      })
    },
    pause() {
      // Others drain by themselves when we are gone; a frozen one can't.
      process.on('exit', kill)
      child.kill('SIGSTOP')
    },
    resume,
    async [Symbol.asyncDispose]() {
      resume()
      child.kill('SIGTERM')
      const timer = setTimeout(kill, stopMs)
      await ended
      clearTimeout(timer)
    },
  }
}
