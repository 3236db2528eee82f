import { AckPolicy, DeliverPolicy, type Msg, nanos, type Subscription } from 'nats'
import type { Message, ReadOptions } from '../broker.ts'
import { BrokerUnavailable, Diverged } from '../errors.ts'
import { type HeaderLines, readHeaderLines } from './nats-header-lines.ts'
import { decodeMessage } from './nats-headers.ts'
import type { Source, Start } from './nats-source.ts'
import { foreignMessage } from './nats-trouble.ts'

const heartbeatMs = 2_000
const pullExpiresMs = 30_000
/** The end of a pull whose next message would be too many bytes, in the server's words. */
const tooManyBytes = 'Exceeds MaxBytes'

/** One consumer on the server, from an offset on, until the first failure. */
export interface Pull {
  /** `end` is the newest offset that the stream is known to have. */
  open(end: number): Promise<void>
  /** The next messages; `undefined` when the reading was aborted. Messages before a failure are handed out first. */
  take(): Promise<readonly Message[] | undefined>
  close(): void
}

type PullOptions = Required<Omit<ReadOptions, 'onOutage'>>

export function createPull(source: Source, start: Start, options: PullOptions): Pull {
  return new StreamPull(source, start, options)
}

class StreamPull implements Pull {
  readonly #source: Source
  readonly #options: PullOptions
  readonly #stream: string
  readonly #typeStart: number
  readonly #inbox: string
  readonly #subscription: Subscription
  readonly #offCut: () => void
  readonly #after: number
  #buffer: Message[] = []
  #bufferedBytes = 0
  #expected: number
  /** How many are still to come of those that were asked for; one request at a time. */
  #asking = 0
  /** Whether the server has refused the next message for its size: it is asked for alone, without a limit. */
  #isLarge = false
  /** The offset at which the last request began. */
  #askedFrom = 0
  /** How many more there are, as the server said last. */
  #pending = 0
  #knownEnd: number
  #lastSign = Date.now()
  #lastMessage = Date.now()
  #failure: Error | undefined
  #wake: (() => void) | undefined
  #consumer: string | undefined

  constructor(source: Source, { partition, after }: Start, options: PullOptions) {
    const { connection, streams } = source
    this.#source = source
    this.#options = options
    this.#stream = streams.nameOf(partition)
    this.#typeStart = streams.subjectOf(partition, '').length
    this.#inbox = connection.inbox()
    this.#after = after
    this.#expected = after + 1
    this.#knownEnd = after
    this.#subscription = connection.nc.subscribe(this.#inbox, { callback: (error, msg) => this.#receive(error, msg) })
    this.#offCut = connection.state.onCut((error) => this.#fail(error))
    options.signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  async open(end: number): Promise<void> {
    const { connection, streams } = this.#source
    this.#knownEnd = end
    const info = await connection.ask(this.#stream, () =>
      streams.jsm.consumers.add(this.#stream, {
        ack_policy: AckPolicy.None,
        deliver_policy: DeliverPolicy.StartSequence,
        opt_start_seq: this.#after + 1,
        mem_storage: true,
        num_replicas: 1,
        inactive_threshold: nanos(60_000),
      }),
    )
    this.#consumer = info.name
    this.#pending = info.num_pending
    this.#lastSign = Date.now()
  }

  async take(): Promise<readonly Message[] | undefined> {
    while (this.#buffer.length === 0) {
      if (this.#options.signal.aborted) return undefined
      if (this.#failure) throw this.#failure
      const silentMs = Date.now() - this.#lastSign
      if (silentMs > 3 * heartbeatMs) {
        throw new BrokerUnavailable(`${this.#stream} has sent nothing, and no heartbeat, for ${silentMs} ms.`)
      }
      this.#ask()
      await this.#nextEvent()
    }
    const batch = this.#buffer
    this.#buffer = []
    this.#bufferedBytes = 0
    if (!this.#failure) this.#ask()
    return batch
  }

  close(): void {
    const { connection, streams } = this.#source
    this.#options.signal.removeEventListener('abort', this.#onAbort)
    this.#offCut()
    this.#subscription.unsubscribe()
    if (!this.#consumer || connection.nc.isClosed()) return
    void streams.jsm.consumers.delete(this.#stream, this.#consumer).catch(() => {})
  }

  readonly #onAbort = () => this.#wake?.()

  #fail(error: Error): void {
    this.#failure ??= error
    this.#wake?.()
  }

  #receive(error: Error | null, msg: Msg) {
    if (error) return this.#fail(new BrokerUnavailable(error.message))
    if (this.#failure) return
    this.#lastSign = Date.now()
    const lines = readHeaderLines(msg)
    if (lines.code !== 0) this.#onStatus(lines.code, lines.description)
    else this.#onMessage(msg, lines)
  }

  #onStatus(status: number, description: string) {
    const isIdle = status === 100
    // A purge removes messages ahead of a reader, and nothing else shows that.
    if (isIdle && this.#pending > 0 && Date.now() - this.#lastMessage >= heartbeatMs) {
      return this.#fail(
        new BrokerUnavailable(`${this.#stream} announced ${this.#pending} more messages and sends none.`),
      )
    }
    if (isIdle) return
    const isFull = status === 409 && description.includes(tooManyBytes)
    if (!isFull && status !== 404 && status !== 408) {
      return this.#fail(new BrokerUnavailable(`${this.#stream} ended a pull: ${status} ${description}.`))
    }
    this.#isLarge = isFull && this.#askedFrom === this.#expected
    this.#asking = 0
    this.#ask()
    this.#wake?.()
  }

  #onMessage(msg: Msg, lines: HeaderLines) {
    const offset = this.#expected
    const found = positionOf(msg)
    if (found.offset !== offset) {
      return this.#fail(new BrokerUnavailable(`${this.#stream} sent offset ${found.offset} in place of ${offset}.`))
    }
    const message = decodeMessage(msg, lines, { offset, typeStart: this.#typeStart })
    if (!message) return this.#fail(new Diverged(foreignMessage(this.#stream, offset), { offset }))
    this.#expected++
    this.#pending = found.pending
    this.#lastMessage = Date.now()
    this.#asking = Math.max(0, this.#asking - 1)
    this.#isLarge = false
    this.#bufferedBytes += msg.data.length
    this.#buffer.push(message)
    if (this.#asking === 0) this.#ask()
    if (this.#buffer.length === 1) this.#wake?.()
    if (found.pending === 0 && offset < this.#knownEnd) {
      this.#fail(new BrokerUnavailable(`${this.#stream} ended at offset ${this.#knownEnd}, and now at ${offset}.`))
    }
  }

  /** Asks for half of what may be ahead, once the other half is free: the server sends the one while we work on the other. */
  #ask(): void {
    const { maxBatch, maxBytes } = this.#options
    if (!this.#consumer || this.#asking > 0) return
    if (this.#buffer.length * 2 > maxBatch || this.#bufferedBytes * 2 > maxBytes) return
    this.#lastMessage = Date.now()
    this.#lastSign = Date.now()
    this.#askedFrom = this.#expected
    this.#asking = this.#isLarge ? 1 : Math.ceil(maxBatch / 2)
    const request = {
      batch: this.#asking,
      ...(!this.#isLarge && { max_bytes: Math.ceil(maxBytes / 2) }),
      expires: nanos(pullExpiresMs),
      idle_heartbeat: nanos(heartbeatMs),
    }
    const subject = `$JS.API.CONSUMER.MSG.NEXT.${this.#stream}.${this.#consumer}`
    this.#source.connection.nc.publish(subject, JSON.stringify(request), { reply: this.#inbox })
  }

  /** Resolves at the next message, status, failure or abort, and after a heartbeat's time. */
  async #nextEvent(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, heartbeatMs)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#wake = undefined
  }
}

/**
 * `$JS.ACK.<stream>.<consumer>.<delivered>.<sequence>.<consumer sequence>.<time>.<pending>`; with a domain and an account two
 * tokens more stand before, and one behind.
 */
function positionOf({ reply = '' }: Msg): { readonly offset: number; readonly pending: number } {
  const next = (dot: number) => reply.indexOf('.', dot + 1)
  const delivered = next(next(ackPrefixEnd))
  const sequence = next(delivered)
  const sequenceEnd = next(sequence)
  const pending = next(next(sequenceEnd))
  if (next(pending) === -1) {
    return { offset: Number(reply.slice(sequence + 1, sequenceEnd)), pending: Number(reply.slice(pending + 1)) }
  }
  const tokens = reply.split('.')
  return { offset: Number(tokens[7]), pending: Number(tokens[10]) }
}

const ackPrefixEnd = '$JS.ACK'.length
