import { connect } from 'nats'
import type { Servers } from '../start-servers.ts'
import { withClient } from '../with-client.ts'

const partition = 0

/**
 * Puts a message of nobody's right behind the newest one of a partition, as a careless script would: without the token of a
 * relay. Throws where it can't.
 */
export async function publishStray({ databaseUrl, brokerServer }: Servers, app: string): Promise<void> {
  if (!brokerServer.url.startsWith('nats:')) return insertStray(brokerServer.url, app)
  const { rows } = await withClient(databaseUrl, (client) =>
    client.query<{ epoch: number }>('select epoch from commitcast.topic'),
  )
  const nc = await connect({ servers: new URL(brokerServer.url).host })
  try {
    await nc.jetstream().publish(`${app}-events.${rows[0]!.epoch}.${partition}.thing.happened`, '{}')
  } finally {
    await nc.close()
  }
}

async function insertStray(url: string, app: string): Promise<void> {
  const { rowCount } = await withClient(url, (client) =>
    client.query(
      `insert into commitcast_broker.message (topic, epoch, partition, "offset", id, type, key, time, tx, headers, body)
       select topic, epoch, partition, "offset" + 1, gen_random_uuid(), type, 'stray', time, tx, (headers::jsonb - 'relay')::json, body
       from commitcast_broker.message where topic = $1 and partition = $2 order by epoch desc, "offset" desc limit 1`,
      [`${app}-events`, partition],
    ),
  )
  if (rowCount !== 1) throw new Error(`Partition ${partition} is empty.`)
}
