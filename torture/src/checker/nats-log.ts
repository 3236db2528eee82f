import {
  AckPolicy,
  connect,
  createInbox,
  DeliverPolicy,
  type JetStreamManager,
  type Msg,
  type NatsConnection,
  type StreamInfo,
} from 'nats'
import { type BrokerLog, type Found, found, relayHeader } from './broker-log.ts'

const answerMs = 3_000
const streamNotFound = 10_059

/** Reads the streams `<topic>_<partition>` with a throw-away consumer for each stretch. Throws where no server answers. */
export async function openNatsLog({ url, topic }: { url: string; topic: string }): Promise<BrokerLog> {
  const nc = await connect({ servers: url, maxReconnectAttempts: -1, reconnectTimeWait: 100, timeout: 5_000 })
  // It would ask whether JetStream is there, and the server may be gone by now.
  const jsm = await nc.jetstreamManager({ timeout: answerMs, checkAPI: false })
  const nameOf = (partition: number) => `${topic}_${partition}`
  return {
    async bounds(partition) {
      const { state } = await jsm.streams.info(nameOf(partition)).catch(orEmpty)
      return { first: Math.max(1, state.first_seq), last: state.last_seq }
    },
    read: (partition, after, last) => readStretch({ nc, jsm, stream: nameOf(partition) }, after, last),
    close: () => nc.close(),
  }
}

/** A stream that is not there yet is an empty one. */
function orEmpty(error: unknown): Pick<StreamInfo, 'state'> {
  const { api_error: answer } = error as { api_error?: { err_code?: number } }
  if (answer?.err_code !== streamNotFound) throw error
  return { state: { first_seq: 1, last_seq: 0 } as StreamInfo['state'] }
}

interface Place {
  readonly nc: NatsConnection
  readonly jsm: JetStreamManager
  readonly stream: string
}

async function readStretch({ nc, jsm, stream }: Place, after: number, last: number): Promise<Found[]> {
  const inbox = createInbox()
  const subscription = nc.subscribe(inbox)
  const timer = setTimeout(() => subscription.unsubscribe(), answerMs + last - after)
  const messages: Found[] = []
  try {
    const { name } = await jsm.consumers.add(stream, {
      deliver_subject: inbox,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: after + 1,
      ack_policy: AckPolicy.None,
      mem_storage: true,
    })
    for await (const msg of subscription) {
      const { streamSequence, consumerSequence } = placeOf(msg)
      // The server left something out on its way to us: that says nothing about the stream.
      if (consumerSequence !== messages.length + 1) break
      messages.push(foundIn(msg, streamSequence))
      if (streamSequence >= last) break
    }
    await jsm.consumers.delete(stream, name).catch(() => {})
  } finally {
    clearTimeout(timer)
    subscription.unsubscribe()
  }
  return messages
}

/** `$JS.ACK.<stream>.<consumer>.<deliveries>.<stream sequence>.<consumer sequence>.<time>.<pending>` */
function placeOf({ reply = '' }: Msg): { streamSequence: number; consumerSequence: number } {
  const tokens = reply.split('.')
  const start = tokens.length > 9 ? 7 : 5
  return { streamSequence: Number(tokens[start]), consumerSequence: Number(tokens[start + 1]) }
}

function foundIn(msg: Msg, offset: number): Found {
  const names = [...(msg.headers?.keys() ?? [])].filter((name) => name !== relayHeader).sort()
  const others = [msg.subject, ...names.map((name) => `${name}: ${msg.headers?.get(name)}`)]
  const text = (name: string) => decodeURIComponent(msg.headers?.get(name) ?? '')
  // `<topic>.<epoch>.<partition>.<type>`
  const type = msg.subject.split('.').slice(3).join('.')
  const channels = msg.headers?.has('channels') ? text('channels') : undefined
  return found(offset, { id: text('id'), key: text('key'), type, body: msg.string(), channels, others })
}
