import { setTimeout as delay } from 'node:timers/promises'
import { AckPolicy, createInbox, DeliverPolicy, type Msg, type NatsConnection, nanos } from 'nats'
import type { Message, ReadOptions } from '../broker.ts'
import { BrokerUnavailable, Diverged, OffsetGone } from '../errors.ts'
import { decodeMessage } from './nats-headers.ts'
import { asked, type Streams } from './nats-streams.ts'

interface Source {
  readonly nc: NatsConnection
  readonly streams: Streams
}

interface Start {
  readonly partition: number
  readonly after: number
}

/**
 * Reads one stream by pulls on a consumer without acknowledgements, which lives in the server's memory for as long as
 * somebody pulls. At most `maxBatch` messages are asked for ahead. Whatever breaks (connection, server, leader, a message
 * that did not arrive) ends that consumer; the next one starts after the last message that was handed out.
 */
export async function* readStream(
  source: Source,
  { partition, after }: Start,
  { signal, maxBatch = 1_000 }: ReadOptions,
): AsyncGenerator<readonly Message[]> {
  for (let next = after, failures = 0; !signal.aborted; ) {
    const pull = createPull(source, { partition, after: next }, { signal, maxBatch })
    try {
      await pull.open()
      for (let batch = await pull.take(); batch; batch = await pull.take()) {
        failures = 0
        next += batch.length
        yield batch
      }
    } catch (error) {
      if (source.nc.isClosed()) return
      if (!(error instanceof BrokerUnavailable)) throw error
    } finally {
      pull.close()
    }
    if (!signal.aborted) await explainGap(source, partition, next)
    await delay(Math.random() * Math.min(1_000, 20 * 2 ** Math.min(failures++, 6)), undefined, { signal }).catch(
      () => {},
    )
  }
}

/** Throws where the broker no longer has the message after `after`, so that nobody waits for it for ever. */
async function explainGap({ streams }: Source, partition: number, after: number): Promise<void> {
  const name = streams.nameOf(partition)
  const info = await streams.jsm.streams.info(name).catch(() => undefined)
  if (!info || info.state.last_seq <= after) return
  if (info.state.first_seq > after + 1) {
    throw new OffsetGone(`${name} keeps what is from offset ${info.state.first_seq} on; ${after + 1} is gone.`)
  }
  const message = await streams.jsm.streams.getMessage(name, { seq: after + 1 }).catch((error) => error)
  if (message?.api_error?.err_code === noMessageFound) {
    throw new Diverged(`${name} has no message at offset ${after + 1}: it was deleted on the broker.`)
  }
}

const noMessageFound = 10037
const heartbeatMs = 2_000
const pullExpiresMs = 30_000

function createPull(source: Source, { partition, after }: Start, { signal, maxBatch }: Required<ReadOptions>) {
  const { nc, streams } = source
  const stream = streams.nameOf(partition)
  const typeStart = streams.subjectOf(partition, '').length
  const inbox = createInbox()
  let buffer: Message[] = []
  let expected = after + 1
  let asking = 0
  let lastSign = Date.now()
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
      const status = msg.headers?.code ?? 0
      if (status !== 0) onStatus(status, msg.headers?.description ?? '')
      else onMessage(msg)
    },
  })

  const onStatus = (status: number, description: string) => {
    if (status === 100) return
    if (status === 404 || status === 408) asking = 0
    else fail(new BrokerUnavailable(`${stream} ended a pull: ${status} ${description}.`))
    wake?.()
  }

  const onMessage = (msg: Msg) => {
    const offset = sequenceOf(msg)
    if (offset !== expected) return fail(new BrokerUnavailable(`${stream} sent ${offset} where ${expected} was due.`))
    const message = decodeMessage(msg, offset, typeStart)
    if (!message) {
      return fail(new Diverged(`The message at ${offset} of ${stream} is none of ours: who else writes there?`))
    }
    expected++
    asking = Math.max(0, asking - 1)
    buffer.push(message)
    if (buffer.length === 1) wake?.()
  }

  const ask = () => {
    const room = maxBatch - buffer.length - asking
    if (room * 2 < maxBatch) return
    asking += room
    const request = { batch: room, expires: nanos(pullExpiresMs), idle_heartbeat: nanos(heartbeatMs) }
    nc.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`, JSON.stringify(request), { reply: inbox })
  }

  const onAbort = () => wake?.()
  signal.addEventListener('abort', onAbort, { once: true })

  return {
    async open() {
      const info = await asked(stream, () =>
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
      lastSign = Date.now()
    },
    /** The next messages; `undefined` when the reading was aborted. Messages before a failure are handed out first. */
    async take(): Promise<readonly Message[] | undefined> {
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
      if (!failure) ask()
      return batch
    },
    close() {
      signal.removeEventListener('abort', onAbort)
      subscription.unsubscribe()
      if (consumer && !nc.isClosed()) void streams.jsm.consumers.delete(stream, consumer).catch(() => {})
    },
  }
}

/** `$JS.ACK.<stream>.<consumer>.<delivered>.<sequence>.…`, two tokens later where domain and account stand before. */
function sequenceOf(msg: Msg): number {
  const tokens = msg.reply?.split('.') ?? []
  return Number(tokens[tokens.length > 9 ? 7 : 5])
}
