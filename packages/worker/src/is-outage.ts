/** SQLSTATE classes of trouble that passes: connection, resources, operator intervention, failed serialisation. */
const passingStates = /^(08|53|57P|40)/
const networkCodes =
  /^(E(CONN|PIPE|HOST|NET|TIMEDOUT|AI_AGAIN|NOTFOUND)|UND_ERR_(CONNECT_TIMEOUT|SOCKET|HEADERS_TIMEOUT|BODY_TIMEOUT))/

/**
 * Whether an error, or what caused it, means that a server could not be reached or could not answer now, as against a
 * mistake of ours. `fetch`, for one, tells the network's trouble only as the cause.
 */
export function isOutage(error: unknown): boolean {
  return causesOf(error).some(isOutageItself)
}

/** An error may be among its own causes. */
function causesOf(error: unknown): readonly unknown[] {
  const causes: unknown[] = []
  for (let cause = error; cause instanceof Error && causes.length < 10; cause = cause.cause) causes.push(cause)
  return causes
}

function isOutageItself(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code } = error as { code?: unknown }
  if (error instanceof AggregateError && error.errors.some(isOutage)) return true
  if (typeof code === 'string')
    return passingStates.test(code) || networkCodes.test(code) || code === 'BROKER_UNAVAILABLE'
  return /^(Connection terminated|Query read timeout|timeout exceeded when trying to connect|Client has encountered a connection error)/.test(
    error.message,
  )
}
