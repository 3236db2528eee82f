import { latencyOf } from '../figures.ts'

/** The moments of an event at one client, in ms since 1970. */
export interface Moments {
  /** The reply to COMMIT came. */
  readonly committed: number
  /** Stored in `<app>-events`, by the broker's own time. */
  readonly stored: number
  /** Stored in `<app>-live`, by the broker's own time. */
  readonly told: number
  /** Its message came out of the client's socket. */
  readonly arrived: number
  /** The client's reducer had made the next state of it. */
  readonly reduced: number
}

const hops = {
  committedToStored: ['committed', 'stored'],
  storedToTold: ['stored', 'told'],
  toldToArrived: ['told', 'arrived'],
  arrivedToReduced: ['arrived', 'reduced'],
} as const satisfies Record<string, readonly [keyof Moments, keyof Moments]>

/** How long each hop took, and all of them together. */
export function hopsOf(rounds: readonly (readonly Moments[])[]) {
  const between = (from: keyof Moments, to: keyof Moments) =>
    latencyOf(rounds.map((moments) => moments.map((moment) => moment[to] - moment[from])))
  return {
    ...between('committed', 'reduced'),
    hops: Object.fromEntries(Object.entries(hops).map(([name, [from, to]]) => [name, between(from, to)])),
  }
}
