import type { Ready } from '../carry-timed.ts'

/** Where a contender works: a backlog of orders in `<app>-events`, and the shop's tables. */
export interface Place {
  readonly databaseUrl: string
  readonly natsUrl: string
  readonly app: string
  /** How many events it finds, and carries. */
  readonly events: number
  /** Counts the runs in this database, for what has to be new in each. */
  readonly run: number
}

/** Somebody who reads the events topic and makes something of every event. */
export interface Contender {
  /** Connects, makes streams and tables, starts as a worker that has run for a while: all but reading the backlog. */
  prepare(place: Place): Promise<Ready>
}

/** The stream of a partition of `<app>-events`. */
export function eventsStream({ app }: Pick<Place, 'app'>, partition: number): string {
  return `${app}-events-1_${partition}`
}

/** What the streams of `<app>-live` are called, but for `_` and the partition; every contender's, so that they can be compared. */
export function liveStreams({ app }: Pick<Place, 'app'>): string {
  return `${app}-live-1`
}
