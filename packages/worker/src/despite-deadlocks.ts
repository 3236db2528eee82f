const deadlock = '40P01'

/**
 * Sends a statement, a transaction of its own, again where it lost a deadlock: nothing of it was done, and the other one
 * continues meanwhile. So a deadlock costs a try, not what the statement is for. Throws the third one.
 */
export async function despiteDeadlocks<T>(send: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await send()
    } catch (error) {
      if ((error as { code?: unknown }).code !== deadlock || tries === 3) throw error
    }
  }
}
