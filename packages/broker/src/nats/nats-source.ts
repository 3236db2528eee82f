import type { Connection } from './nats-connection.ts'
import type { Streams } from './nats-streams.ts'

/** The connection and the streams of one topic. */
export interface Source {
  readonly connection: Connection
  readonly streams: Streams
}

/** Where reading begins. */
export interface Start {
  readonly partition: number
  readonly after: number
}
