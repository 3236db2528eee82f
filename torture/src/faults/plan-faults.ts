import type { CrewRole } from '../crew.ts'
import { createRandom } from '../random.ts'

/** What is done, in lanes: the faults of one lane come one after the other, those of several at the same time. */
const lanes = {
  servers: [
    'brokerKilled',
    'brokerTailLost',
    'postgresKilled',
    'consumerCommitsLost',
    'writesForbidden',
    'failedOver',
    'strayPublished',
    'clockMoved',
  ],
  relays: ['relayKilled', 'relayPaused'],
  lines: ['connectionsCut', 'connectionsSilenced'],
  replies: ['repliesLost'],
  stream: ['streamKilled', 'streamPaused', 'streamStopped'],
  poison: ['poisoned'],
  project: ['projectKilled', 'projectPaused', 'projectStopped'],
  world: ['tableLocked', 'webhookFailed'],
  api: ['apiKilled', 'apiPaused', 'apiDrained'],
  clients: ['clientsPaused', 'clientLinesCut'],
  purchases: ['purchaseKilled', 'purchasePaused', 'purchaseStopped', 'purchasesLocked', 'hostClockMoved'],
} as const

type Lane = keyof typeof lanes
export type FaultKind = (typeof lanes)[Lane][number]
/** All kinds of faults. */
export const faultKinds: readonly FaultKind[] = Object.values(lanes).flat()

/** Which role a fault is about, where it is not about the servers and relays that each run has. */
const rolesOfLanes: Partial<Record<Lane, CrewRole>> = {
  stream: 'stream',
  project: 'project',
  world: 'project',
  api: 'api',
  clients: 'api',
  purchases: 'purchase',
}
/** Faults that take seconds come once in so many; others once in ten, the small ones of these lanes more often. */
const secondsBetween: Partial<Record<FaultKind, number>> = {
  consumerCommitsLost: 15,
  writesForbidden: 30,
  failedOver: 60,
  strayPublished: 60,
  clockMoved: 20,
  purchasesLocked: 20,
  hostClockMoved: 15,
  connectionsSilenced: 15,
  tableLocked: 30,
  webhookFailed: 30,
}
/** How often each kind of fault happened. */
export type FaultCounts = Partial<Record<FaultKind, number>>

export interface PlannedFault {
  readonly kind: FaultKind
  /** Not before then, counted from the start. */
  readonly atMs: number
}

export type Plan = Readonly<Partial<Record<Lane, readonly PlannedFault[]>>>

export interface PlanOptions {
  readonly seed: number
  readonly seconds: number
  /** Whether the broker's newest messages may be lost. */
  readonly losesTails: boolean
  /** Whether the clocks of the database's server and of workers' hosts can be moved. */
  readonly movesClock: boolean
  readonly roles: readonly CrewRole[]
  /** Nothing but these, and often. */
  readonly only: readonly FaultKind[] | undefined
}

const calmMs = 2_500

/** The faults of each lane, spread over the run. The same options give the same plan. */
export function planFaults({ seed, seconds, losesTails, movesClock, roles, only }: PlanOptions): Plan {
  const isPossible = (kind: FaultKind) =>
    (losesTails || kind !== 'brokerTailLost') &&
    (movesClock || (kind !== 'clockMoved' && kind !== 'hostClockMoved')) &&
    (roles.includes('project') || kind !== 'consumerCommitsLost')
  const isWanted = (kind: FaultKind) => only?.includes(kind) ?? true
  const timesOf = (lane: Lane, kind: FaultKind) => {
    if (only) return Math.max(1, Math.floor(seconds / only.length / 4))
    const often = lane === 'lines' ? 1 + roles.length : lane === 'replies' ? 2 + roles.length : 1
    const every = secondsBetween[kind]
    return every === undefined ? often * Math.max(1, Math.round(seconds / 10)) : Math.floor(seconds / every)
  }
  const spread = (lane: Lane, stream: number): readonly PlannedFault[] => {
    const random = createRandom(seed, stream)
    const kinds = lanes[lane].filter((kind) => isPossible(kind) && isWanted(kind))
    const order = random.shuffled(kinds.flatMap((kind) => Array.from({ length: timesOf(lane, kind) }, () => kind)))
    const stepMs = (seconds * 1_000 - calmMs) / order.length
    return order.map((kind, place) => ({ kind, atMs: Math.round(calmMs + (place + random.next() * 0.5) * stepMs) }))
  }
  const planned = (Object.keys(lanes) as Lane[]).flatMap((lane, index) => {
    const role = rolesOfLanes[lane]
    const faults = role === undefined || roles.includes(role) ? spread(lane, 1 + index) : []
    return faults.length > 0 ? [[lane, faults] as const] : []
  })
  return Object.fromEntries(planned)
}

/** Nothing has happened yet of what is planned. */
export function noFaults(plan: Plan): FaultCounts {
  const planned = Object.values(plan).flatMap((faults) => faults.map(({ kind }) => kind))
  return Object.fromEntries([...faultKinds.filter((kind) => planned.includes(kind)).map((kind) => [kind, 0])])
}
