import type { GroupWorker } from '@commitcast/stream'
import { CastMisused } from './cast-misused.ts'
import { nameOf } from './check-options.ts'
import type { LiveDefinition, Role, RunOptions } from './run-options.ts'

/** What `run` has to do. */
export interface Sorted {
  readonly roles: readonly Role[]
  readonly live: LiveDefinition | undefined
  readonly groups: readonly GroupWorker[]
  /** The names of its parts, each of which runs once at a time. */
  readonly parts: readonly string[]
}

const allRoles: readonly string[] = ['relay', 'stream', 'consume'] satisfies readonly Role[]

/**
 * Sorts what `run` was given to use. Throws `CastMisused` where a role misses what it needs, a definition misses its role
 * or is not one of `defined`, and two groups have one name.
 */
export function sortUse({ roles, use = [], signal }: RunOptions, defined: WeakSet<object>): Sorted {
  if (!(signal instanceof AbortSignal)) {
    throw new CastMisused(
      'CAST_OPTION_INVALID',
      `run: "signal" is ${nameOf(signal)}; give an AbortSignal, which ends it.`,
    )
  }
  if (roles) checkNames(roles)
  for (const [index, definition] of use.entries()) checkOwn(definition, index, defined)
  const lives = use.filter((definition) => 'enrichment' in definition)
  const groups = use.flatMap((definition) => ('group' in definition ? [definition.group] : []))
  const taken = roles ?? rolesFor({ lives, groups })
  checkRoles(taken, { lives, groups })
  return {
    roles: taken,
    live: lives[0],
    groups,
    parts: [...taken.filter((role) => role !== 'consume'), ...groups.map(({ name }) => `group ${name}`)],
  }
}

interface Definitions {
  readonly lives: readonly LiveDefinition[]
  readonly groups: readonly GroupWorker[]
}

function rolesFor({ lives, groups }: Definitions): readonly Role[] {
  const stream: readonly Role[] = lives.length > 0 ? ['stream'] : []
  const consume: readonly Role[] = groups.length > 0 ? ['consume'] : []
  return ['relay', ...stream, ...consume]
}

function checkNames(roles: readonly string[]): void {
  const unknown = roles.find((role) => !allRoles.includes(role))
  if (unknown === undefined && roles.length > 0) return
  const given = unknown === undefined ? 'there is no role' : `the role ${JSON.stringify(unknown)} is unknown`
  const names = allRoles.map((role) => `"${role}"`).join(', ')
  const renamed = unknown === 'project' ? ' "project" is now called "consume".' : ''
  throw new CastMisused('ROLE_UNKNOWN', `run: ${given}; "roles" takes ${names}.${renamed}`)
}

function checkOwn(definition: unknown, index: number, defined: WeakSet<object>): void {
  if (typeof definition === 'object' && definition !== null && defined.has(definition)) return
  throw new CastMisused(
    'USE_NOT_OF_CAST',
    `run: "use" holds ${nameOf(definition)} at index ${index}, which this cast did not define; give what its live(), ` +
      'projection() or handler() returned.',
  )
}

function checkRoles(roles: readonly Role[], { lives, groups }: Definitions): void {
  if (roles.includes('stream') && lives.length !== 1) {
    throw new CastMisused(
      'ROLE_WITHOUT_USE',
      `run: the role "stream" needs in "use" the one thing that cast.live() returned; got ${lives.length}.`,
    )
  }
  if (roles.includes('consume') && groups.length === 0) {
    throw new CastMisused(
      'ROLE_WITHOUT_USE',
      'run: the role "consume" needs in "use" what cast.projection() or cast.handler() returned.',
    )
  }
  if (lives.length > 0 && !roles.includes('stream')) {
    throw new CastMisused(
      'USE_WITHOUT_ROLE',
      'run: "use" holds what cast.live() returned, and "roles" lacks "stream", which runs it. Add the role, or leave it out of "use".',
    )
  }
  if (groups.length > 0 && !roles.includes('consume')) {
    const names = groups.map(({ name }) => JSON.stringify(name)).join(', ')
    throw new CastMisused(
      'USE_WITHOUT_ROLE',
      `run: "use" holds ${names}, and "roles" lacks "consume", which runs it. Add the role, or leave it out of "use".`,
    )
  }
  const double = groups.find(({ name }, index) => groups.findIndex((other) => other.name === name) < index)
  if (double) {
    const name = JSON.stringify(double.name)
    throw new CastMisused('GROUP_TWICE', `run: two groups are called ${name}; each needs its own name.`)
  }
}
