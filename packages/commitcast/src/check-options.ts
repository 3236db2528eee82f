import { checkPostgresAddress } from '@commitcast/broker/postgres'
import { CastMisused } from './cast-misused.ts'
import { nodeTooOld } from './node-too-old.ts'

/** What an option has to have, and what to give. */
interface Needed {
  readonly has: string
  readonly give: string
}

const catalogue: Needed = { has: 'definitions', give: 'the catalogue that defineEvents() returned' }
const instance: Needed = {
  has: 'executeQuery',
  give: 'the application\'s Kysely instance, or give "connectionString" instead',
}
const port: Needed = { has: 'topic', give: 'a broker, as natsBroker() and postgresBroker() return it' }

/**
 * Throws `CastMisused`, and `InvalidAddress`, for options that a program without types, or an unset variable, gets wrong; and for
 * a Node that is too old.
 */
export function checkOptions(options: object): void {
  const tooOld = nodeTooOld()
  if (tooOld !== undefined) throw new CastMisused('NODE_TOO_OLD', tooOld)
  const given = (options ?? {}) as Record<string, unknown>
  check('events', given.events, catalogue)
  const { db, broker, connectionString, listenTo } = given
  if (db === undefined && broker === undefined && connectionString === undefined) {
    const give = 'the address of Postgres, or give "db" and "broker"'
    throw refused(`"connectionString" is undefined; give it ${give}.`)
  }
  if (connectionString === undefined) {
    check('db', db, instance)
    check('broker', broker, port)
  } else {
    if (db !== undefined) throw refused('"connectionString" and "db" are both given; leave one of them out.')
    if (broker !== undefined) check('broker', broker, port)
    checkPostgresAddress(connectionString as string)
  }
  if (listenTo !== undefined) checkPostgresAddress(listenTo as string)
}

function check(name: string, value: unknown, { has, give }: Needed): void {
  if (typeof value === 'object' && value !== null && has in value) return
  throw refused(`"${name}" is ${nameOf(value)}; give it ${give}.`)
}

function refused(why: string): CastMisused {
  return new CastMisused('CAST_OPTION_INVALID', `createCommitcast: ${why}`)
}

/** A value as an error shows it: none of what it holds. */
export function nameOf(value: unknown): string {
  if (value instanceof Promise) return 'a promise'
  return typeof value === 'object' && value !== null ? 'another object' : String(value)
}
