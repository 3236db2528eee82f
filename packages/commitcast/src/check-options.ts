import { checkPostgresAddress } from '@commitcast/broker/postgres'
import { CastMisused } from './cast-misused.ts'

/** What each option has to have, and what to give. */
const needed = {
  events: { has: 'definitions', give: 'the catalogue that defineEvents() returned' },
  db: { has: 'executeQuery', give: "the application's Kysely instance" },
  broker: { has: 'topic', give: 'a broker, as natsBroker() and postgresBroker() return it' },
}

/** Throws `CastMisused`, and `InvalidAddress`, for options that a program without types, or an unset variable, gets wrong. */
export function checkOptions(options: object): void {
  const given = (options ?? {}) as Record<string, unknown>
  for (const [name, { has, give }] of Object.entries(needed)) {
    const value = given[name]
    if (typeof value === 'object' && value !== null && has in value) continue
    throw new CastMisused('CAST_OPTION_INVALID', `createCommitcast: "${name}" is ${nameOf(value)}; give it ${give}.`)
  }
  if (given.listenTo !== undefined) checkPostgresAddress(given.listenTo as string)
}

/** A value as an error shows it: none of what it holds. */
export function nameOf(value: unknown): string {
  if (value instanceof Promise) return 'a promise'
  return typeof value === 'object' && value !== null ? 'another object' : String(value)
}
