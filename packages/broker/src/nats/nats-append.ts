import type { Msg } from 'nats'
import type { Message } from '../broker.ts'
import { findBadHeader } from '../check-headers.ts'
import { AppendConflict, BrokerUnavailable, Diverged, MessageRefused } from '../errors.ts'
import type { Connection } from './nats-connection.ts'
import { sendAll } from './nats-frames.ts'
import type { Streams } from './nats-streams.ts'
import { type ApiError, refusedFor } from './nats-trouble.ts'

interface Chunk {
  readonly partition: number
  readonly after: number
  readonly messages: readonly Message[]
  /** Whether each message names the one before it, too. */
  readonly isStrict: boolean
}

/**
 * Publishes one chunk: an expected sequence on every message, acknowledgements asked for only on the first and the last.
 * The first one's shows whether the log was at `after`; without it a stale chunk that reaches past the end would pass.
 */
export async function appendChunk(
  { connection, streams }: { connection: Connection; streams: Streams },
  { partition, after, messages, isStrict }: Chunk,
): Promise<void> {
  const { nc, acks, state } = connection
  const stream = streams.nameOf(partition)
  if (messages.length === 0) return
  state.check()
  const refusal = findBadHeader(messages)
  if (refusal) throw refusal
  const answers = [acks.expect(), ...(messages.length > 1 ? [acks.expect()] : [])]
  const last = messages.length - 1
  try {
    const outgoing = messages.map((message, index) => ({
      message,
      subject: streams.subjectOf(partition, message.type),
      reply: index === 0 ? answers[0]?.reply : index === last ? answers[1]?.reply : undefined,
      // The first one asks for an answer of its own. And a server that was restarted may not know the last id before it.
      ...(isStrict && { link: index === 0 ? ('first' as const) : ('next' as const) }),
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
  readonly duplicate?: boolean
  readonly error?: ApiError
}

/** Wrong last sequence, in two wordings; wrong last message id; this message id is being stored right now. */
const conflicts: ReadonlySet<number | undefined> = new Set([10071, 10164, 10070, 10158])
/** Larger than the stream's max_msg_size; headers of more than 64 kB. */
const refusals: ReadonlySet<number | undefined> = new Set([10054, 10097])

function checkAnswer(msg: Msg, at: { stream: string; partition: number; after: number; offset: number }): void {
  const { stream, partition, after, offset } = at
  if (msg.headers?.code === 503) {
    throw new BrokerUnavailable(
      `No stream takes what is published for ${stream}: it has no leader now, or was deleted.`,
    )
  }
  const { error, seq, duplicate } = msg.json<PubAck>()
  if (conflicts.has(error?.err_code) || duplicate) throw AppendConflict.at(stream, partition, after, { cause: error })
  if (error && refusals.has(error.err_code)) {
    const words = `${stream} refuses the message at offset ${offset}: ${error.description}. Raise its max_msg_size.`
    throw new MessageRefused(offset, words, { cause: error })
  }
  if (error) throw refusedFor(stream, error)
  if (seq === offset) return
  throw new Diverged(
    `${stream} stored a message at ${seq} that belongs at ${offset}: another client publishes to this stream. Find it and take its rights away.`,
  )
}
