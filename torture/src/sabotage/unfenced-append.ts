import { BrokerUnavailable, type Message, type Topic } from '@commitcast/broker'
import { connect, headers, type NatsConnection } from 'nats'
import pg from 'pg'
import type { RelayConfig } from '../relay.ts'

type Append = Topic['append']

/**
 * A topic that appends to whatever is there, without comparing. It says that nothing can be read back, because that
 * comparison, the second line of defence, would bring the partition to a stand.
 */
export async function unfencedAppend(topic: Topic, { broker, brokerUrl }: RelayConfig): Promise<Topic> {
  const append = broker === 'nats' ? await natsAppend(topic, brokerUrl) : postgresAppend(topic, brokerUrl)
  return { ...topic, append, first: async () => Number.MAX_SAFE_INTEGER }
}

async function natsAppend(topic: Topic, servers: string): Promise<Append> {
  const nc = await connect({ servers, maxReconnectAttempts: -1, reconnectTimeWait: 250 })
  const js = nc.jetstream({ timeout: 2_000 })
  return async (partition, _after, messages) => {
    const subject = (message: Message) => `${topic.name}.${topic.epoch}.${partition}.${message.type}`
    const asHeaders = (message: Message) => {
      const all = headers()
      for (const name of ['id', 'key', 'time', 'tx'] as const) all.set(name, message[name])
      return all
    }
    const stored = messages.map((message) =>
      js.publish(subject(message), message.body, { headers: asHeaders(message) }),
    )
    await settled(stored, nc)
  }
}

async function settled(stored: readonly Promise<unknown>[], nc: NatsConnection): Promise<void> {
  const failed = (await Promise.allSettled(stored)).find((one) => one.status === 'rejected')
  if (failed) throw new BrokerUnavailable(`${nc.getServer()}: ${String(failed.reason)}`)
}

function postgresAppend(topic: Topic, connectionString: string): Append {
  const pool = new pg.Pool({ connectionString, max: 4 })
  pool.on('error', () => {})
  const next = new Map<number, Promise<unknown>>()
  const insert = (partition: number, messages: readonly Message[]) =>
    pool.query(
      `insert into commitcast_broker.message (topic, epoch, partition, "offset", id, type, key, time, tx, headers, body)
       select $1, $2, $3, row_number() over (order by m."offset") + (
         select coalesce(max("offset"), 0) from commitcast_broker.message where topic = $1 and epoch = $2 and partition = $3),
         id, type, key, time, tx, headers, body
       from json_to_recordset($4) as m("offset" bigint, id text, type text, key text, time text, tx text, headers json, body text)`,
      [topic.name, topic.epoch, partition, JSON.stringify(messages)],
    )
  return async (partition, _after, messages) => {
    const turn = (next.get(partition) ?? Promise.resolve()).catch(() => {}).then(() => insert(partition, messages))
    next.set(partition, turn)
    await turn.catch((error: unknown) => {
      throw new BrokerUnavailable(`Not appended: ${String(error)}`)
    })
  }
}
