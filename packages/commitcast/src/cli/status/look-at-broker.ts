import type { TopicOptions } from '@commitcast/broker'
import type { Sql } from '@commitcast/worker'
import { messageOf } from '../explain-failure.ts'
import { withNats } from '../with-nats.ts'

/** What a broker has of a topic. */
export interface BrokerView {
  readonly name: 'nats' | 'postgres'
  /** Why it could not be asked. */
  readonly trouble?: string
  /** The newest offset of each partition, 0 where there is none. Missing where it could not be asked. */
  readonly ends?: readonly number[]
}

/**
 * Asks where each partition ends and changes nothing. `Broker.topic` can't be used for that: it makes what is missing,
 * and a mistyped app would become streams. So this knows, as the adapters do, where a topic lies.
 */
export async function lookAtBroker(
  topic: TopicOptions,
  { sql, nats }: { sql: Sql; nats: string | undefined },
): Promise<BrokerView> {
  return nats === undefined
    ? { name: 'postgres', ends: await postgresEnds(topic, sql) }
    : { name: 'nats', ...(await natsEnds(topic, nats)) }
}

async function postgresEnds({ name, epoch, partitions }: TopicOptions, sql: Sql): Promise<readonly number[]> {
  const table = 'commitcast_broker.message'
  const [row] = await sql.query<{ made: boolean }>('select to_regclass($1) is not null as made', [table])
  if (!row?.made) return Array.from({ length: partitions }, () => 0)
  const rows = await sql.query<{ last: number }>(
    `select coalesce((select "offset" from ${table} where topic = $1 and epoch = $2 and partition = number
       order by "offset" desc limit 1), 0)::float8 as last
     from generate_series(0, $3::int - 1) as number order by number`,
    [name, epoch, partitions],
  )
  return rows.map((row) => row.last)
}

const patienceMs = 5_000
const streamNotFound = 10059

async function natsEnds({ name, epoch, partitions }: TopicOptions, nats: string) {
  const { connect, NatsError } = await withNats(() => import('nats'))
  const { readNatsAddress } = await import('@commitcast/broker/nats')
  const address = readNatsAddress(nats)
  try {
    const nc = await connect({
      ...address,
      timeout: patienceMs,
      reconnect: false,
      name: 'commitcast status',
    })
    try {
      const { streams } = await nc.jetstreamManager({ timeout: patienceMs })
      const endOf = async (_: unknown, partition: number) => {
        try {
          return (await streams.info(`${name}-${epoch}_${partition}`)).state.last_seq
        } catch (error) {
          if (error instanceof NatsError && error.api_error?.err_code === streamNotFound) return 0
          throw error
        }
      }
      return { ends: await Promise.all(Array.from({ length: partitions }, endOf)) }
    } finally {
      await nc.close()
    }
  } catch (error) {
    const where = String(address.servers)
    return {
      trouble: `NATS at ${where} can't be asked: ${messageOf(error)}. Does it run there, with JetStream (-js), and know this user?`,
    }
  }
}
