import { InvalidEvent, NewerVersion, UpcastFailed } from './errors.ts'
import type { CommittedEvent } from './event.ts'
import type { EventDefinition, EventDefinitions } from './event-definition.ts'

/** Makes an event of an old schema version one of the present version; see `EventCatalog`. */
export type Upcast = <TEvent extends CommittedEvent>(event: TEvent) => TEvent

/** Makes `upcast` for a catalogue's definitions. Throws `InvalidEvent` for a wrong version, and for a step too few or too many. */
export function createUpcast(definitions: EventDefinitions): Upcast {
  const known = new Map(Object.entries(definitions).map(([type, definition]) => [type, toChain(type, definition)]))
  return (event) => {
    const chain = known.get(event.type)
    const { schemaVersion = 1 } = event.headers
    if (!chain || schemaVersion === chain.version) return event
    checkVersion(event, { version: schemaVersion, known: chain.version })
    const headers = { ...event.headers, schemaVersion: chain.version }
    return { ...event, data: runSteps(event, { ...chain, from: schemaVersion }), headers }
  }
}

interface Chain {
  readonly version: number
  /** The step from version n is at n - 1. */
  readonly steps: readonly ((data: unknown) => unknown)[]
}

function toChain(type: string, { version = 1, upcast = {} }: EventDefinition): Chain {
  if (!isVersion(version)) {
    throw new InvalidEvent(`The version of "${type}" is ${String(version)}: it has to be a whole number, 1, 2, 3, ….`)
  }
  const steps: Chain['steps'][number][] = []
  while (steps.length < version - 1) steps.push(stepFrom(type, steps.length + 1, { version, upcast }))
  const other = Object.keys(upcast).find((from) => !Object.hasOwn(steps, Number(from) - 1))
  if (other === undefined) return { version, steps }
  throw new InvalidEvent(
    `"${type}" has an upcast step from version ${other}, and its version is ${version}: raise the version, or take the step out.`,
  )
}

function stepFrom(
  type: string,
  from: number,
  { version, upcast }: Required<Pick<EventDefinition, 'version' | 'upcast'>>,
) {
  const step: unknown = upcast[from]
  if (typeof step === 'function') return step as (data: unknown) => unknown
  throw new InvalidEvent(
    `"${type}" is at version ${version} and has no upcast step from version ${from} to ${from + 1}: add ` +
      `upcast: { ${from}: (data) => … }, which makes the data of an event of version ${from} into that of version ${from + 1}.`,
  )
}

function checkVersion({ id, type }: CommittedEvent, { version, known }: { version: number; known: number }): void {
  if (!isVersion(version)) {
    throw new UpcastFailed(
      `The schema version of event ${id} ("${type}") is not a whole number from 1 on: the SQL that appended it wrote ` +
        'something else in the header "version". It is a text like "2", and absent for version 1.',
      { id, type, version },
    )
  }
  if (version < known) return
  throw new NewerVersion(
    `Event ${id} ("${type}") has schema version ${version}, and this catalogue knows up to ${known}: a writer was deployed ` +
      `before this reader. Deploy the new catalogue here, too; next time readers before writers. Where there is none, run "commitcast topic skip ${id}".`,
    { id, type, version, known },
  )
}

function runSteps({ id, type, data }: CommittedEvent, { from, steps }: Chain & { from: number }): unknown {
  let version = from
  try {
    let upcast = data
    for (; version <= steps.length; version++) upcast = steps[version - 1]!(upcast)
    return upcast
  } catch (cause) {
    throw new UpcastFailed(
      `The upcast step of "${type}" from version ${version} to ${version + 1} failed for event ${id}: ${String(cause)}. ` +
        'Fix the step; the stored event does not change.',
      { id, type, version, cause },
    )
  }
}

function isVersion(version: unknown): version is number {
  return Number.isSafeInteger(version) && (version as number) >= 1
}
