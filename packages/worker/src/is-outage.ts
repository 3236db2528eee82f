/**
 * SQLSTATEs of trouble that passes: connection, resources, operator intervention, failed serialisation, a transaction that
 * was idle for too long, a server that is read-only.
 */
const passingStates = /^(08|53|57P|40|25P03|25006)/
/** A lock, a statement or a transaction that took longer than a limit allows. */
const timeLimitStates = /^(55P03|57014|25P04)/
const networkCodes =
  /^(E(CONN|PIPE|HOST|NET|TIMEDOUT|AI_AGAIN|NOTFOUND)|UND_ERR_(CONNECT_TIMEOUT|SOCKET|HEADERS_TIMEOUT|BODY_TIMEOUT))/

/**
 * Whether an error, or what caused it, means that a server could not be reached or could not answer now, as against a
 * mistake of ours: by its SQLSTATE, its network code, or `retryable: true`, which our own errors and an application's may
 * have. `fetch`, for one, has the network's error only as the cause.
 */
export function isOutage(error: unknown): boolean {
  return causesOf(error).some(isOutageItself)
}

/**
 * Whether an error, or what caused it, is that a time limit of Postgres ended a wait for a lock, a statement or a
 * transaction. Others may be the reason, or the statement itself.
 */
export function isTimeLimit(error: unknown): boolean {
  return causesOf(error).some((cause) => timeLimitStates.test(String((cause as { code?: unknown }).code)))
}

/** An error may be among its own causes. */
function causesOf(error: unknown): readonly unknown[] {
  const causes: unknown[] = []
  for (let cause = error; cause instanceof Error && causes.length < 10; cause = cause.cause) causes.push(cause)
  return causes
}

function isOutageItself(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code, retryable } = error as { code?: unknown; retryable?: unknown }
  if (retryable === true) return true
  if (error instanceof AggregateError && error.errors.some(isOutage)) return true
  if (typeof code === 'string') return passingStates.test(code) || networkCodes.test(code)
  return /^(Connection terminated|Query read timeout|timeout exceeded when trying to connect|Client has encountered a connection error)/.test(
    error.message,
  )
}
