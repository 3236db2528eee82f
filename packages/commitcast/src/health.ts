import type { Health } from '@commitcast/worker'

/** How one part of a process is. */
export interface PartHealth extends Health {
  /** Whether the part does its work; an outage that it waits out makes it false. */
  readonly ready: boolean
  /** The partitions that this process holds, or reads. */
  readonly partitions?: readonly number[]
  /** What the part as a whole waits for, in words. */
  readonly trouble?: string
  /** The same as a code. */
  readonly code?: string
  /** What each partition waits for, by its number. */
  readonly troubles?: Readonly<Record<number, string>>
  /** The same as codes. */
  readonly codes?: Readonly<Record<number, string>>
  /** When the first of these troubles began: ISO 8601 in UTC. */
  readonly since?: string
}

/** How a projection or a handler is, in this process. */
export interface GroupHealth extends PartHealth {
  /** Parked events in the partitions that this process holds. */
  readonly parked: number
  /** Of a projection: its rebuild, where this process does part of one. */
  readonly rebuild?: PartHealth
}

/** How a process is. A part that it does not run is missing. */
export type CastHealth = {
  /** Whether every part is ready. */
  readonly ready: boolean
  /** Only while the tables are older than this release. */
  readonly schema?: PartHealth
  /** The role `relay`. */
  readonly relay?: PartHealth
  /** The role `stream`. */
  readonly stream?: PartHealth
  /** What subscriptions read from; from the first one on. */
  readonly hub?: PartHealth
  /** Only after `close`, and not ready. */
  readonly cast?: PartHealth
  /** The role `consume`: each projection and handler by its name. */
  readonly groups: Readonly<Record<string, GroupHealth>>
}

/** The parts that run now, each with a function that reads its health. */
export interface Parts {
  readonly own: Map<Exclude<keyof CastHealth, 'ready' | 'groups'>, () => Health>
  readonly groups: Map<string, () => Health>
}

export function createParts(): Parts {
  return { own: new Map(), groups: new Map() }
}

/** Reads the health of all parts. */
export function readHealth({ own, groups }: Parts): CastHealth {
  const [parts, members] = [read(own), read(groups)]
  const ready = [...Object.values(parts), ...Object.values(members)].every((part) => part.ready)
  return { ready, ...parts, groups: members as CastHealth['groups'] }
}

function read(parts: ReadonlyMap<string, () => Health>): Record<string, Health> {
  return Object.fromEntries([...parts].map(([name, health]) => [name, health()]))
}
