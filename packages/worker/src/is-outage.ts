/** SQLSTATE classes of trouble that passes: connection, resources, operator intervention, failed serialisation. */
const passingStates = /^(08|53|57P|40)/
const networkCodes = /^E(CONN|PIPE|HOST|NET|TIMEDOUT|AI_AGAIN|NOTFOUND)/

/** Whether an error means that a server could not be reached or could not answer now, as against a mistake of ours. */
export function isOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code } = error as { code?: unknown }
  if (typeof code === 'string')
    return passingStates.test(code) || networkCodes.test(code) || code === 'BROKER_UNAVAILABLE'
  if (error instanceof AggregateError) return error.errors.some(isOutage)
  return /^(Connection terminated|Query read timeout|timeout exceeded when trying to connect|Client has encountered a connection error)/.test(
    error.message,
  )
}
