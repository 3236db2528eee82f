import { CommitcastError } from '@commitcast/events'

/**
 * An event of an aggregate can't be read by this process, so the aggregate can't be loaded here: its type has no reducer, or the
 * `cause` says why. Often a newer release appended it.
 */
export class StreamUnreadable extends CommitcastError {
  override readonly name = 'StreamUnreadable'
  readonly code = 'STREAM_UNREADABLE'
  readonly aggregate: string
  readonly key: string
  /** Of the event that can't be read. */
  readonly version: number
  /** The event's type. */
  readonly type: string

  constructor(why: string, { aggregate, key, version, type, ...options }: ErrorOptions & EventInStream) {
    super(
      `The aggregate "${aggregate}" with key ${JSON.stringify(key).slice(0, 80)} can't be loaded: ${why} (event ${version}, "${type}").`,
      options,
    )
    this.aggregate = aggregate
    this.key = key
    this.version = version
    this.type = type
  }
}

/** Which event of which stream. */
export interface EventInStream {
  readonly aggregate: string
  readonly key: string
  readonly version: number
  readonly type: string
}
