import type { CrewRole } from '../crew.ts'
import { createRandom } from '../random.ts'

/** What is done, in lanes: the faults of one lane come one after the other, those of several at the same time. */
const lanes = {
  servers: ['brokerKilled', 'brokerTailLost', 'postgresKilled'],
  relays: ['relayKilled', 'relayPaused'],
  lines: ['connectionsCut'],
  replies: ['repliesLost'],
  stream: ['streamKilled', 'streamPaused', 'streamStopped'],
  project: ['projectKilled', 'projectPaused', 'projectStopped'],
  api: ['apiKilled', 'apiPaused', 'apiDrained'],
  clients: ['clientsPaused', 'clientLinesCut'],
} as const

type Lane = keyof typeof lanes
export type FaultKind = (typeof lanes)[Lane][number]
const alwaysTold: readonly FaultKind[] = [...lanes.relays, ...lanes.servers, ...lanes.lines, ...lanes.replies]

/** How often each kind of fault happened. */
export type FaultCounts = Partial<Record<FaultKind, number>>

export interface PlannedFault {
  readonly kind: FaultKind
  /** Not before then, counted from the start. */
  readonly atMs: number
}

export type Plan = Readonly<Partial<Record<Lane, readonly PlannedFault[]>>>

const calmMs = 2_500

/** The faults of each lane, spread over the run. The same options give the same plan. */
export function planFaults(options: {
  readonly seed: number
  readonly seconds: number
  /** Whether the broker's newest messages may be lost. */
  readonly losesTails: boolean
  readonly roles: readonly CrewRole[]
}): Plan {
  const { seed, seconds, losesTails, roles } = options
  const each = Math.max(1, Math.round(seconds / 10))
  const spread = (lane: Lane, stream: number, times: number) => {
    const random = createRandom(seed, stream)
    const kinds = lanes[lane].filter((kind) => losesTails || kind !== 'brokerTailLost')
    const order = random.shuffled(kinds.flatMap((kind) => Array.from({ length: each * times }, () => kind)))
    const stepMs = (seconds * 1_000 - calmMs) / order.length
    return order.map((kind, place) => ({ kind, atMs: Math.round(calmMs + (place + random.next() * 0.5) * stepMs) }))
  }
  return {
    servers: spread('servers', 1, 1),
    relays: spread('relays', 2, 1),
    lines: spread('lines', 3, 1 + roles.length),
    replies: spread('replies', 4, 2 + roles.length),
    ...(roles.includes('stream') && { stream: spread('stream', 5, 1) }),
    ...(roles.includes('project') && { project: spread('project', 6, 1) }),
    ...(roles.includes('api') && { api: spread('api', 7, 1), clients: spread('clients', 8, 1) }),
  }
}

/** Nothing has happened yet of what is planned. */
export function noFaults(plan: Plan): FaultCounts {
  const planned = Object.values(plan).flatMap((faults) => faults.map(({ kind }) => kind))
  return Object.fromEntries([...alwaysTold, ...planned].map((kind) => [kind, 0]))
}
