import {
  decodeLiveEvent,
  type Envelope,
  type LiveEvent,
  liveTimelineOf,
  type Message,
  NewerVersion,
  type Upcast,
} from '@commitcast/events'
import { decryptEvent, isPersonal, type Keys, noKeys } from '@commitcast/outbox'
import { type Logger, warningLogger } from '@commitcast/worker'

export interface LiveDecoderOptions {
  /** Of the live topic that the messages are from. */
  readonly epoch: number
  /** The catalogue's. */
  readonly upcast?: Upcast
  /** Subjects whose keys do not count. Default none. */
  readonly erased?: ReadonlySet<string>
  readonly logger?: Logger
}

/** What followers get of a live message: its event, or that it can't be read. */
export type EventEnvelope = Extract<Envelope<LiveEvent>, { readonly kind: 'event' | 'unreadable' }>

/** Reads live messages for all followers of a process. Nothing here throws: one bad message must not end a subscription. */
export interface LiveDecoder {
  /**
   * Decodes a live message that is not a filler, and upcasts one that was made before the catalogue changed. An event that
   * can't be upcast (its version is newer than this process knows, or a step throws) is handed on as it is, and said in the log
   * once per type: to leave it out would be a silent gap, and the client may know more than this process. Personal fields are
   * decrypted with `keys`; without the key of its subject a field is erased.
   */
  decode(message: Message, partition: number, keys?: Keys): EventEnvelope
  /** What stands in for a message that can't be read or written; counted and logged. */
  skipEvent(message: Message, partition: number, error: unknown): EventEnvelope
  /** How many were skipped. */
  readonly unreadable: number
  /** Notes under which timeline of the database a live message was made. */
  note(message: Message): void
  /** The latest timeline that was noted; 0 where none was. */
  readonly timeline: number
}

const quietMs = 10_000
/** So many are known by their offsets, so that one that is read again is not counted again. */
const maxKnown = 10_000

export function createLiveDecoder({
  epoch,
  upcast = (event) => event,
  erased,
  logger = warningLogger,
}: LiveDecoderOptions): LiveDecoder {
  const logged = new Set<string>()
  const known = new Set<string>()
  let timeline = 0
  let unreadable = 0
  let saidAt = Number.NEGATIVE_INFINITY
  const logOnce = ({ type }: LiveEvent, error: unknown) => {
    const isNewer = error instanceof NewerVersion
    // Only types of the catalogue get here, so this stays small.
    const what = `${type} ${isNewer}`
    if (logged.has(what)) return
    logged.add(what)
    if (isNewer)
      logger.warn({ code: 'NEWER_EVENT_SENT', type, err: error }, 'events of a newer version go to clients as they are')
    else
      logger.error(
        { code: 'EVENT_NOT_UPCAST', type, err: error },
        'events that cannot be upcast go to clients as they are',
      )
  }
  const count = ({ offset, id, type }: Message, partition: number, err: unknown) => {
    const at = `${partition}/${offset}`
    if (known.has(at)) return
    if (known.size === maxKnown) known.clear()
    known.add(at)
    unreadable++
    if (Date.now() - saidAt < quietMs) return
    saidAt = Date.now()
    const details = { code, partition, offset, id, type, unreadable, err }
    logger.error(details, 'an event cannot be read or sent: its followers get an "unreadable" envelope')
  }
  const upcastOrLog = (event: LiveEvent) => {
    try {
      return upcast(event)
    } catch (error) {
      logOnce(event, error)
      return event
    }
  }
  const skipEvent: LiveDecoder['skipEvent'] = (message, partition, error) => {
    count(message, partition, error)
    const { id, type, key, offset, tx } = message
    return { kind: 'unreadable', event: { id, type, key, code, epoch, partition, offset, tx } }
  }
  return {
    decode(message, partition, keys = noKeys) {
      try {
        const stored = decodeLiveEvent(message, { epoch, partition })
        const event = isPersonal(message) ? decryptEvent(stored, message, without(erased, keys)) : stored
        return { kind: 'event', event: upcastOrLog(event) }
      } catch (error) {
        return skipEvent(message, partition, error)
      }
    },
    skipEvent,
    get unreadable() {
      return unreadable
    },
    note(message) {
      timeline = Math.max(timeline, liveTimelineOf(message))
    },
    get timeline() {
      return timeline
    },
  }
}

function without(erased: ReadonlySet<string> | undefined, keys: Keys): Keys {
  return erased ? new Map([...keys].filter(([subject]) => !erased.has(subject))) : keys
}

const code = 'UNREADABLE_EVENT'
