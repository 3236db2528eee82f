import { createWriteStream } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'

/** What a process writes: all of it in a file, the last lines at hand for errors. */
export interface ChildLog {
  /** Where it is and how it ends, for people. */
  tail(): string
  close(): void
}

const tailLines = 20
const longestLine = 2_000

/** Writes the lines of a process's outputs into a file. `onLine` receives each. */
export function keepChildLog(
  path: string,
  { outputs, onLine }: { readonly outputs: readonly (Readable | null)[]; readonly onLine: (line: string) => void },
): ChildLog {
  const file = createWriteStream(path)
  const last: string[] = []
  for (const output of outputs) {
    if (!output) continue
    createInterface(output).on('line', (line) => {
      file.write(`${line}\n`)
      last.push(line.slice(0, longestLine))
      if (last.length > tailLines) last.shift()
      onLine(line)
    })
  }
  return {
    tail: () => `The end of ${path}:\n${last.length > 0 ? last.join('\n') : '(nothing)'}`,
    close: () => file.end(),
  }
}
