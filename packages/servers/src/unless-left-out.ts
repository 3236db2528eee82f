import { ServerUnavailable } from './server-unavailable.ts'

/**
 * What was started, or `undefined` where no way to it is open, which is said loudly: the tests named by `what` have to be
 * skipped then. With `CI` set it is a failure.
 */
export async function unlessLeftOut<T>(what: string, started: Promise<T>): Promise<T | undefined> {
  try {
    return await started
  } catch (error) {
    if (!(error instanceof ServerUnavailable) || process.env.CI) throw error
    process.stderr.write(`\n${what} ARE LEFT OUT. ${error.message}\n\n`)
    return undefined
  }
}
