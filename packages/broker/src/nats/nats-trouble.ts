import { ErrorCode, NatsError } from 'nats'
import { BrokerUnavailable } from '../errors.ts'

/** An error as JetStream answers it; its numbers stand in the server's `errors.json`. */
export interface ApiError {
  readonly code: number
  readonly err_code?: number
  readonly description?: string
}

/** Neither 2.9 nor 2.15 notices that there is room again. */
const restartIt = 'then restart it: a nats-server whose disk was full needs that, also once there is room'

/** How to fix what does not pass by itself. */
const remedies: Readonly<Record<number, string>> = {
  10002: "Raise the account's limits, or keep events for less long.",
  10005: 'Bring the other servers of the cluster back, or ask for fewer replicas.',
  10008: 'The cluster has no leader: check that most of its servers are up.',
  10009: 'The cluster has no leader: check that most of its servers are up.',
  10023: `Make room on the server, or raise its max_file_store, ${restartIt}.`,
  10026: 'Raise max_consumers of the stream.',
  10028: 'Make room on the server, or raise its max_memory_store.',
  10039: 'Switch JetStream on for this account in the configuration of the server.',
  10047: `Make room on the server, or raise its max_file_store, ${restartIt}.`,
  10059: 'It was deleted, or not created yet. A relay creates it when it starts, and refills it from the outbox.',
  10074: 'Run the servers as a cluster, or ask for one replica.',
  10076: 'Start the server with JetStream (-js).',
  10077:
    'Where it is full, raise max_bytes or max_msgs of the stream, lower its max_age, or let it discard old messages.',
}

const full: ReadonlySet<number | undefined> = new Set([10023, 10028, 10047])

/** An answer of JetStream's that is an outage until an operator fixes its cause. */
export function refusedFor(what: string, error: ApiError, cause?: unknown): BrokerUnavailable {
  const number = error.err_code === undefined ? '' : ` (${error.err_code})`
  const remedy = remedies[error.err_code ?? 0] ?? ''
  return new BrokerUnavailable(`NATS can't serve ${what}: ${error.description}${number}. ${remedy}`.trimEnd(), {
    cause: cause ?? error,
    ...(full.has(error.err_code) && { because: 'full' }),
  })
}

/** No answer, or none of JetStream's. `complaint` is what the connection suffers from, if known. */
export function unansweredFor(what: string, error: unknown, complaint?: string): BrokerUnavailable {
  if (error instanceof NatsError && error.api_error) return refusedFor(what, error.api_error, error)
  const code = error instanceof NatsError ? error.code : undefined
  const isMissing = code === ErrorCode.NoResponders
  const isSilent = isMissing || code === ErrorCode.Timeout
  const words = isMissing
    ? 'no JetStream answers. Start the server with -js, switch JetStream on for this account; or a cluster has no leader now'
    : messageOf(error)
  return new BrokerUnavailable(`NATS did not answer for ${what}: ${words}.${complaintText(complaint)}`, {
    cause: error,
    ...(isSilent && { because: 'unresponsive' }),
  })
}

/** Why a connection could not be made. */
export function unreachable(servers: string, error: unknown): BrokerUnavailable {
  const isRefused = error instanceof NatsError && (error.isAuthError() || error.isAuthTimeout())
  const words = isRefused
    ? `NATS at ${servers} refused this user: ${messageOf(error)}. Fix the user and password of the address, or the credentials.`
    : `NATS at ${servers} can't be reached: ${messageOf(error)}. Check that it runs there, with JetStream (-js).`
  return new BrokerUnavailable(words, { cause: error })
}

/** `complaint` as the end of a message. */
export function complaintText(complaint: string | undefined): string {
  return complaint === undefined ? '' : ` The connection reports: ${complaint}.`
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return (error.message || (error as { code?: string }).code || error.name).replace(/\.$/, '')
}

/** The message of `Diverged` for a message that Commitcast did not write. */
export function foreignMessage(stream: string, offset: number): string {
  return `The message at ${offset} of ${stream} was not written by Commitcast; check which other client publishes to this stream.`
}
