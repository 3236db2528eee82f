import { type Message, MessageRefused, type Topic } from '@commitcast/broker'
import { toFiller, withoutMetadata } from '@commitcast/events'
import type { Failures } from './failures.ts'

export interface LivePublisherOptions {
  readonly target: Topic
  readonly partition: number
  /** The offset of the newest live message. */
  readonly after: number
  readonly failures: Failures
  /** Called when the broker acknowledged more. */
  readonly onStored?: () => void
  /** Called with the first failure: the end of the log must then be asked of the broker. */
  readonly onFailure: (error: unknown) => void
}

/**
 * Carries one partition's live messages to the broker, in order, several chunks in flight, until the first failure. A
 * message that is too large goes without metadata, and as a filler where even that is refused.
 */
export interface LivePublisher {
  /** The newest offset that the broker acknowledged. */
  readonly stored: number
  readonly isIdle: boolean
  /** Takes the messages that follow what it has; resolves when there is room for more. */
  add(messages: readonly Message[]): Promise<void>
  /** Resolves when nothing is in flight any more. */
  settled(): Promise<void>
}

const maxChunks = 4
/** A chunk ends with the message that brings its bodies to so many characters. */
const fullChunkLength = 1_000_000

export function createLivePublisher(options: LivePublisherOptions): LivePublisher {
  const { target, partition, onStored, onFailure } = options
  let { after: sent, after: stored } = options
  let hasFailed = false
  const inFlight = new Set<Promise<void>>()

  const store = async (chunk: readonly Message[], append: (after: number) => Promise<void>) => {
    try {
      await append(chunk[0]!.offset - 1)
      if (hasFailed) return
      stored = chunk.at(-1)!.offset
      onStored?.()
    } catch (error) {
      if (!hasFailed) onFailure(error)
      hasFailed = true
    }
  }
  const send = (chunk: readonly Message[], append = (after: number) => target.append(partition, after, chunk)) => {
    sent += chunk.length
    const storing = store(chunk, append).then(() => void inFlight.delete(storing))
    inFlight.add(storing)
    return storing
  }
  const settled = async () => {
    while (inFlight.size > 0) await Promise.all(inFlight)
  }

  return {
    settled,
    get stored() {
      return stored
    },
    get isIdle() {
      return stored === sent
    },
    async add(messages) {
      for (const chunk of chunksOf(messages, target.maxMessageBytes)) {
        const [first] = chunk
        const isRisky = first !== undefined && mayBeRefused(first, target.maxMessageBytes)
        if (isRisky) await settled()
        while (inFlight.size >= maxChunks) await Promise.race(inFlight)
        if (hasFailed) return
        const storing = isRisky ? send(chunk, (after) => appendReduced(first, after, options)) : send(chunk)
        if (isRisky) await storing
      }
    },
  }
}

/** One that may be refused is alone: amid a chunk a broker may show a refusal only as a conflict of those behind it. */
function* chunksOf(messages: readonly Message[], limit: number | undefined): Generator<readonly Message[]> {
  let from = 0
  let length = 0
  for (const [index, message] of messages.entries()) {
    const isRisky = mayBeRefused(message, limit)
    if (isRisky && index > from) yield messages.slice(from, index)
    if (isRisky) from = index
    length += message.body.length
    if (!isRisky && length < fullChunkLength) continue
    yield messages.slice(from, index + 1)
    from = index + 1
    length = 0
  }
  if (from < messages.length) yield messages.slice(from)
}

/** What the envelope takes beside headers and body, generously. */
const envelopeBytes = 2_000
/** NATS takes 64 KiB of headers; a character may take nine bytes there. */
const maxHeaderLength = 6_000

/** Whether it is not sure that the broker takes it. Reckons high: three bytes for each character of the body. */
function mayBeRefused({ headers, body }: Message, limit: number | undefined): boolean {
  if (limit === undefined) return false
  let headerLength = 0
  for (const name in headers) headerLength += name.length + headers[name]!.length
  return headerLength > maxHeaderLength || 3 * body.length + 9 * headerLength + envelopeBytes > limit
}

/** As it is, else without metadata, else as a filler. */
async function appendReduced(message: Message, after: number, options: LivePublisherOptions): Promise<void> {
  const { target, partition, failures } = options
  const { id, offset } = message
  const append = async (one: Message) => {
    try {
      await target.append(partition, after, [one])
      return undefined
    } catch (error) {
      if (error instanceof MessageRefused) return error
      throw error
    }
  }
  const refusal = await append(message)
  if (!refusal) return
  if (!(await append(withoutMetadata(message)))) return failures.tooLarge({ partition, offset, id }, refusal)
  await target.append(partition, after, [toFiller(message)])
  failures.untold({ partition, offset, id }, refusal)
}
