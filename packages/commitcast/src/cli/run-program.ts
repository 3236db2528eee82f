import { explainFailure } from './explain-failure.ts'
import { createProgram } from './program.ts'

/** Runs the command that the process was called with. What ends it is said on standard error, and is the exit code. */
export async function runProgram(): Promise<void> {
  try {
    await createProgram().parseAsync()
  } catch (error) {
    const { exitCode, words } = explainFailure(error)
    if (words !== undefined) process.stderr.write(`${words}\n`)
    process.exitCode = exitCode
  }
}
