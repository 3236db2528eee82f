import { closeSync, openSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'

/** A server's log, and where in it the present run begins. */
export interface ServerLog {
  /** Opens the log for one run, hands the file to `use`, closes our end of it. */
  forRun<T>(use: (file: number) => T): Promise<T>
  /** What the present run wrote. */
  read(): Promise<string>
  /** The last lines of it, for an error message. */
  tail(): Promise<string>
}

const shownLines = 15

/** A log in the file at `path`, which is made when needed. */
export function serverLog(path: string): ServerLog {
  let begin = 0
  const read = async (): Promise<string> => {
    const whole = await readFile(path).catch(() => Buffer.alloc(0))
    return whole.subarray(begin).toString('utf8')
  }
  return {
    async forRun(use) {
      begin = await stat(path).then(
        ({ size }) => size,
        () => 0,
      )
      const file = openSync(path, 'a')
      try {
        return use(file)
      } finally {
        closeSync(file)
      }
    },
    read,
    async tail() {
      const lines = (await read()).trimEnd().split('\n').slice(-shownLines)
      return lines.map((line) => `  | ${line}`).join('\n')
    },
  }
}
