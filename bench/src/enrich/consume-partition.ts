import { AckPolicy, type JsMsg, type NatsConnection } from 'nats'
import { eventsStream, type Place } from './contender.ts'

/** A partition of the events topic, read as the NATS client's documentation has it: a durable consumer that is acknowledged. */
export interface ConsumedPartition {
  readonly partition: number
  /** Hands over each message once the one before is done. Resolves after the last of the backlog. */
  eachInTurn(handle: (message: JsMsg) => Promise<unknown>): Promise<void>
  /** The same with what is there, up to a hundred at a time. */
  hundredsInTurn(handle: (messages: readonly JsMsg[]) => Promise<unknown>): Promise<void>
}

export async function consumePartition(
  nc: NatsConnection,
  place: Place,
  partition: number,
): Promise<ConsumedPartition> {
  const stream = eventsStream(place, partition)
  const jsm = await nc.jetstreamManager()
  const durable = `run-${place.run}`
  const { num_pending: end } = await jsm.consumers.add(stream, {
    durable_name: durable,
    ack_policy: AckPolicy.Explicit,
    inactive_threshold: 60_000_000_000,
  })
  const consumer = await nc.jetstream().consumers.get(stream, durable)
  return {
    partition,
    async eachInTurn(handle) {
      let left = end
      if (left === 0) return
      for await (const message of await consumer.consume()) {
        await handle(message)
        message.ack()
        if (--left === 0) return
      }
    },
    async hundredsInTurn(handle) {
      for (let left = end; left > 0; ) {
        const messages: JsMsg[] = []
        for await (const message of await consumer.fetch({ max_messages: Math.min(100, left) })) messages.push(message)
        await handle(messages)
        for (const message of messages) message.ack()
        left -= messages.length
      }
    },
  }
}
