import { AckPolicy, DeliverPolicy, type Msg, nanos } from 'nats'
import type { Message, ReadOptions } from '../broker.ts'
import { BrokerUnavailable, Diverged } from '../errors.ts'
import { type HeaderLines, readHeaderLines } from './nats-header-lines.ts'
import { decodeMessage } from './nats-headers.ts'
import type { Source, Start } from './nats-read.ts'

const heartbeatMs = 2_000
const pullExpiresMs = 30_000
/** What a server says at the end of a pull whose next message would be too many bytes. */
const tooManyBytes = 'Exceeds MaxBytes'

/** One consumer on the server, from a place on, until the first failure. */
export interface Pull {
  /** `end` is the newest offset that the stream is known to have. */
  open(end: number): Promise<void>
  /** The next messages; `undefined` when the reading was aborted. Messages before a failure are handed out first. */
  take(): Promise<readonly Message[] | undefined>
  close(): void
}

export function createPull(
  { connection, streams }: Source,
  { partition, after }: Start,
  { signal, maxBatch, maxBytes }: Required<Omit<ReadOptions, 'onOutage'>>,
): Pull {
  const { nc } = connection
  const stream = streams.nameOf(partition)
  const typeStart = streams.subjectOf(partition, '').length
  const inbox = connection.inbox()
  let buffer: Message[] = []
  let bufferedBytes = 0
  let expected = after + 1
  /** How many are still to come of those that were asked for; one request at a time. */
  let asking = 0
  /** Whether the server has refused the next message for its size: it is asked for alone, without a limit. */
  let isLarge = false
  /** The offset at which the last request began. */
  let askedFrom = 0
  /** How many more there are, by the server's last word. */
  let pending = 0
  let knownEnd = after
  let lastSign = Date.now()
  let lastMessage = Date.now()
  let failure: Error | undefined
  let wake: (() => void) | undefined
  let consumer: string | undefined

  const fail = (error: Error) => {
    failure ??= error
    wake?.()
  }

  const subscription = nc.subscribe(inbox, {
    callback: (error, msg) => {
      if (error) return fail(new BrokerUnavailable(error.message))
      if (failure) return
      lastSign = Date.now()
      const lines = readHeaderLines(msg)
      if (lines.code !== 0) onStatus(lines.code, lines.description)
      else onMessage(msg, lines)
    },
  })

  const onStatus = (status: number, description: string) => {
    const isIdle = status === 100
    // A purge takes messages from before a reader's eyes, and nothing else tells.
    if (isIdle && pending > 0 && Date.now() - lastMessage >= heartbeatMs) {
      return fail(new BrokerUnavailable(`${stream} said that it has ${pending} more, and sends none.`))
    }
    if (isIdle) return
    const isFull = status === 409 && description.includes(tooManyBytes)
    if (!isFull && status !== 404 && status !== 408) {
      return fail(new BrokerUnavailable(`${stream} ended a pull: ${status} ${description}.`))
    }
    isLarge = isFull && askedFrom === expected
    asking = 0
    ask()
    wake?.()
  }

  const onMessage = (msg: Msg, lines: HeaderLines) => {
    const place = placeOf(msg)
    if (place.offset !== expected) {
      return fail(new BrokerUnavailable(`${stream} sent ${place.offset} where ${expected} was due.`))
    }
    const message = decodeMessage(msg, lines, { offset: expected, typeStart })
    if (!message) {
      return fail(
        new Diverged(`The message at ${expected} of ${stream} is none of ours: who else writes there?`, {
          offset: expected,
        }),
      )
    }
    expected++
    pending = place.pending
    lastMessage = Date.now()
    asking = Math.max(0, asking - 1)
    isLarge = false
    bufferedBytes += msg.data.length
    buffer.push(message)
    if (asking === 0) ask()
    if (buffer.length === 1) wake?.()
    if (pending === 0 && place.offset < knownEnd) {
      fail(new BrokerUnavailable(`${stream} had ${knownEnd} and ends at ${place.offset}.`))
    }
  }

  /** Asks for half of what may be ahead, once the other half is free: the server sends the one while we work on the other. */
  const ask = () => {
    if (!consumer || asking > 0 || buffer.length * 2 > maxBatch || bufferedBytes * 2 > maxBytes) return
    lastMessage = Date.now()
    lastSign = Date.now()
    askedFrom = expected
    asking = isLarge ? 1 : Math.ceil(maxBatch / 2)
    const request = {
      batch: asking,
      ...(!isLarge && { max_bytes: Math.ceil(maxBytes / 2) }),
      expires: nanos(pullExpiresMs),
      idle_heartbeat: nanos(heartbeatMs),
    }
    nc.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`, JSON.stringify(request), { reply: inbox })
  }

  const offCut = connection.line.onCut(fail)
  const onAbort = () => wake?.()
  signal.addEventListener('abort', onAbort, { once: true })

  return {
    async open(end) {
      knownEnd = end
      const info = await connection.ask(stream, () =>
        streams.jsm.consumers.add(stream, {
          ack_policy: AckPolicy.None,
          deliver_policy: DeliverPolicy.StartSequence,
          opt_start_seq: after + 1,
          mem_storage: true,
          num_replicas: 1,
          inactive_threshold: nanos(60_000),
        }),
      )
      consumer = info.name
      pending = info.num_pending
      lastSign = Date.now()
    },
    async take() {
      while (buffer.length === 0) {
        if (signal.aborted) return undefined
        if (failure) throw failure
        if (Date.now() - lastSign > 3 * heartbeatMs) throw new BrokerUnavailable(`${stream} fell silent.`)
        ask()
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, heartbeatMs)
          wake = () => {
            clearTimeout(timer)
            resolve()
          }
        })
        wake = undefined
      }
      const batch = buffer
      buffer = []
      bufferedBytes = 0
      if (!failure) ask()
      return batch
    },
    close() {
      signal.removeEventListener('abort', onAbort)
      offCut()
      subscription.unsubscribe()
      if (consumer && !nc.isClosed()) void streams.jsm.consumers.delete(stream, consumer).catch(() => {})
    },
  }
}

/**
 * `$JS.ACK.<stream>.<consumer>.<delivered>.<sequence>.<consumer sequence>.<time>.<pending>`; with a domain and an account two
 * tokens more stand before, and one behind.
 */
function placeOf({ reply = '' }: Msg): { readonly offset: number; readonly pending: number } {
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
