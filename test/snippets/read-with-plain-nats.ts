import { AckPolicy, type JsMsg, type NatsConnection } from 'nats'

const topic = 'shop-events'
const type = 'order.delivered'

// #region durables
// An operator's part, once: a durable consumer on each partition's stream, for one type of event.
export async function makeConsumers(nc: NatsConnection, { epoch, partitions }: { epoch: number; partitions: number }) {
  const jsm = await nc.jetstreamManager()
  for (let partition = 0; partition < partitions; partition++) {
    await jsm.consumers.add(`${topic}-${epoch}_${partition}`, {
      durable_name: 'mailer',
      filter_subject: `${topic}.${epoch}.${partition}.${type}`,
      ack_policy: AckPolicy.Explicit,
      max_ack_pending: 1, // the next one only after this one: keeps the order when one has to be delivered again
    })
  }
}
// #endregion durables

// #region read
// The reader's part: one loop for each partition. An event that `onEvent` fails at comes again, after a second.
export async function readDeliveries(
  nc: NatsConnection,
  stream: string,
  { onEvent, signal }: { onEvent: (event: DeliveredEvent) => Promise<void>; signal: AbortSignal },
) {
  const consumer = await nc.jetstream().consumers.get(stream, 'mailer')
  const messages = await consumer.consume({ max_messages: 10 })
  signal.addEventListener('abort', () => void messages.close(), { once: true })
  if (signal.aborted) await messages.close()
  for await (const message of messages) {
    await onEvent(readEvent(message)).then(
      () => message.ack(),
      () => message.nak(1_000),
    )
  }
}
// #endregion read

// #region event
export interface DeliveredEvent {
  readonly id: string
  readonly key: string
  readonly time: string
  readonly partition: number
  readonly offset: number
  readonly data: { readonly customerId: string }
}

function readEvent(message: JsMsg): DeliveredEvent {
  const header = (name: string) => decodeURIComponent(message.headers?.get(name) ?? '')
  const [, sourceOffset] = header('Nats-Stream-Source').split(' ') // only in a stream with sources
  return {
    id: header('id'),
    key: header('key'),
    time: header('time'),
    partition: Number(message.subject.split('.')[2]),
    offset: Number(sourceOffset ?? message.seq),
    data: message.json(),
  }
}
// #endregion event

// #region source
// An operator's part: one stream that copies the events of one type from all partitions, and a consumer on it.
export async function makeSourcingStream(
  nc: NatsConnection,
  { epoch, partitions }: { epoch: number; partitions: number },
) {
  const jsm = await nc.jetstreamManager()
  const sources = Array.from({ length: partitions }, (_, partition) => ({
    name: `${topic}-${epoch}_${partition}`,
    filter_subject: `${topic}.${epoch}.${partition}.${type}`,
  }))
  await jsm.streams.add({ name: 'shop-deliveries', sources })
  await jsm.consumers.add('shop-deliveries', {
    durable_name: 'mailer',
    ack_policy: AckPolicy.Explicit,
    max_ack_pending: 1,
  })
}
// #endregion source
