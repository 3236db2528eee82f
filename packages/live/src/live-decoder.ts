import { decodeLiveEvent, type LiveEvent, type Message, NewerVersion, type Upcast } from '@commitcast/events'
import { type Logger, silentLogger } from '@commitcast/worker'

export interface LiveDecoderOptions {
  /** Of the live topic that the messages are from. */
  readonly epoch: number
  /** The catalogue's. */
  readonly upcast?: Upcast
  readonly logger?: Logger
}

/**
 * Makes the function that decodes live messages and upcasts those that were made before the catalogue changed. An event
 * that can't be upcast (its version is newer than this process knows, or a step throws) is handed on as it is, and said in
 * the log once per type: to leave it out would be a silent gap, and the client may know more than this process.
 */
export function createLiveDecoder({
  epoch,
  upcast = (event) => event,
  logger = silentLogger,
}: LiveDecoderOptions): (message: Message, partition: number) => LiveEvent {
  const told = new Set<string>()
  const tell = ({ type }: LiveEvent, error: unknown) => {
    const isNewer = error instanceof NewerVersion
    // Only types of the catalogue get here, so this stays small.
    const what = `${type} ${isNewer}`
    if (told.has(what)) return
    told.add(what)
    if (isNewer) logger.warn({ type, err: error }, 'events of a newer version go to clients as they are')
    else logger.error({ type, err: error }, 'events that can not be upcast go to clients as they are')
  }
  return (message, partition) => {
    const event = decodeLiveEvent(message, { epoch, partition })
    try {
      return upcast(event)
    } catch (error) {
      tell(event, error)
      return event
    }
  }
}
