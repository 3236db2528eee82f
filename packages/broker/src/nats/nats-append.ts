import { createInbox, Events, type Msg, type NatsConnection } from 'nats'
import type { Message } from '../broker.ts'
import { AppendConflict, BrokerUnavailable, Diverged, MessageRefused } from '../errors.ts'
import { sendAll } from './nats-frames.ts'
import type { Streams } from './nats-streams.ts'

/** Waits for acknowledgements: one subscription for all appends of a connection. */
export interface Acks {
  expect(): Expected
}

interface Expected {
  readonly reply: string
  readonly answer: Promise<Msg>
  /** Nobody waits any more. */
  forget(): void
}

export function createAcks(nc: NatsConnection, timeoutMs: number): Acks {
  const inbox = createInbox()
  const waiting = new Map<string, { resolve(msg: Msg): void; reject(error: Error): void }>()
  let count = 0
  nc.subscribe(`${inbox}.*`, {
    callback: (_error, msg) => waiting.get(msg.subject)?.resolve(msg),
  })
  const failAll = (why: string) => {
    for (const { reject } of waiting.values()) reject(new BrokerUnavailable(why))
  }
  void failOnDisconnect(nc, failAll)

  return {
    expect() {
      const reply = `${inbox}.${++count}`
      const { promise: answer, resolve, reject } = Promise.withResolvers<Msg>()
      const settle = (act: () => void) => {
        clearTimeout(timer)
        waiting.delete(reply)
        act()
      }
      const timer = setTimeout(() => {
        settle(() => reject(new BrokerUnavailable(`NATS did not acknowledge an append within ${timeoutMs} ms.`)))
      }, timeoutMs)
      waiting.set(reply, {
        resolve: (msg) => settle(() => resolve(msg)),
        reject: (error) => settle(() => reject(error)),
      })
      return { reply, answer, forget: () => settle(() => {}) }
    },
  }
}

async function failOnDisconnect(nc: NatsConnection, failAll: (why: string) => void): Promise<void> {
  for await (const status of nc.status()) {
    if (status.type === Events.Disconnect) failAll('The connection to NATS was cut during an append.')
  }
  failAll('The connection to NATS was closed during an append.')
}

const wrongLastSequence = 10071

/**
 * Publishes one chunk: an expected sequence on every message, acknowledgements asked for only on the first and the last.
 * The first one's tells whether the log was at `after`; without it a stale chunk that reaches past the end would pass.
 */
export async function appendChunk(
  { nc, acks, streams }: { nc: NatsConnection; acks: Acks; streams: Streams },
  { partition, after, messages }: { partition: number; after: number; messages: readonly Message[] },
): Promise<void> {
  if (messages.length === 0) return
  const stream = streams.nameOf(partition)
  const answers = [acks.expect(), ...(messages.length > 1 ? [acks.expect()] : [])]
  const last = messages.length - 1
  try {
    const outgoing = messages.map((message, index) => ({
      message,
      subject: streams.subjectOf(partition, message.type),
      reply: index === 0 ? answers[0]?.reply : index === last ? answers[1]?.reply : undefined,
    }))
    sendAll(nc, outgoing)
  } catch (error) {
    for (const { forget } of answers) forget()
    if (error instanceof MessageRefused) throw error
    throw new BrokerUnavailable(`NATS takes no message for ${stream}: ${String(error)}.`, { cause: error })
  }
  const [first, end] = await Promise.all(answers.map(({ answer }) => answer))
  checkAnswer(first!, { stream, partition, after, offset: after + 1 })
  if (end) checkAnswer(end, { stream, partition, after, offset: after + messages.length })
}

interface PubAck {
  readonly seq?: number
  readonly error?: { readonly code: number; readonly err_code?: number; readonly description?: string }
}

function checkAnswer(msg: Msg, at: { stream: string; partition: number; after: number; offset: number }): void {
  if (msg.headers?.code === 503) throw new BrokerUnavailable(`No stream takes what is published for ${at.stream}.`)
  const ack = msg.json<PubAck>()
  if (ack.error?.err_code === wrongLastSequence) {
    throw AppendConflict.at(at.stream, at.partition, at.after, { cause: ack.error })
  }
  if (ack.error) throw new BrokerUnavailable(`NATS refused an append to ${at.stream}: ${ack.error.description}.`)
  if (ack.seq === at.offset) return
  throw new Diverged(`${at.stream} stored a message at ${ack.seq} that belongs at ${at.offset}: who else writes there?`)
}
