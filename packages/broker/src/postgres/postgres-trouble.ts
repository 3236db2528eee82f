import { BrokerUnavailable } from '../errors.ts'

/** By SQLSTATE, or its class. What is not here passes by itself, or Postgres's own words say enough. */
const remedies: Readonly<Record<string, string>> = {
  '25006': 'It is read-only, as a standby is: name the primary.',
  '28': 'Fix the user and password in the connection string.',
  '3D': 'Fix the database in the connection string.',
  '42501': 'Grant this user the schema, or have its owner create the tables.',
  '42P01': 'The tables are gone: bring them back, or restart the relay, which creates them.',
  '53100': 'Make room on its disk.',
  '53300': 'Raise its max_connections, or lower maxConnections here.',
}

/** An error of Postgres's as the port reports it: an outage whose message says what to do; a taken key is returned unchanged. */
export function asTrouble(error: unknown): unknown {
  const state = stateOf(error)
  if (state === taken) return error
  const remedy = remedies[state] ?? remedies[state.slice(0, 2)] ?? ''
  return new BrokerUnavailable(`Postgres can't serve as a broker now: ${String(error)}. ${remedy}`.trimEnd(), {
    cause: error,
    ...(state === '53100' && { because: 'full' }),
  })
}

const taken = '23505'

/** Another writer stored something at this offset first. */
export function isTaken(error: unknown): boolean {
  return stateOf(error) === taken
}

/** The tables were dropped. */
export function isGone(error: unknown): boolean {
  return error instanceof BrokerUnavailable && stateOf(error.cause) === '42P01'
}

function stateOf(error: unknown): string {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' ? code : ''
}
