/** What travels beside an event's data. Absent where the writer gave none. */
export interface EventHeaders {
  /** When the event was appended, by the database's clock; ISO 8601 in UTC. */
  readonly time: string
  /** The version of the type's schema that the data has. Absent: 1. Written by `append`, from the catalogue. */
  readonly schemaVersion?: number
  /** Shared by everything that one click set off. */
  readonly correlationId?: string
  /** The id of the event or command that led to this one. */
  readonly causationId?: string
  /** W3C `traceparent`. */
  readonly trace?: string
  /** Who did it, as the application names people. */
  readonly actor?: string
}

/** Where an event stands for ever: a partition of a topic incarnation, a gapless offset from 1, its transaction's id. */
export interface EventPlace {
  readonly epoch: number
  readonly partition: number
  readonly offset: number
  /** The full transaction id (xid8) in decimal digits; says whether a database snapshot already shows the event. */
  readonly tx: string
}

/** One committed event. `id` is a UUIDv7, the same on every broker and every reading. */
export interface CommittedEvent<TType extends string = string, TData = unknown> extends EventPlace {
  readonly id: string
  readonly type: TType
  readonly key: string
  readonly data: TData
  readonly headers: EventHeaders
}

/** An event as subscribers get it: with the metadata that the stream worker looked up. */
export interface LiveEvent<
  TType extends string = string,
  TData = unknown,
  TMetadata = Readonly<Record<string, unknown>>,
> extends CommittedEvent<TType, TData> {
  readonly metadata: TMetadata
  /** The kinds of metadata that are missing because something failed, and not because there is nothing to be found. */
  readonly failed?: readonly string[]
}
