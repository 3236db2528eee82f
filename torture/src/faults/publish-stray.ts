import { connect } from 'nats'
import pg from 'pg'
import type { Servers } from '../start-servers.ts'

const partition = 0

/** Puts a message of nobody's right behind the newest one of a partition, as a careless script would. Throws where it can't. */
export async function publishStray({ brokerServer }: Servers, app: string): Promise<void> {
  if (brokerServer.url.startsWith('nats:')) {
    const nc = await connect({ servers: new URL(brokerServer.url).host })
    await nc.jetstream().publish(`${app}-events.1.${partition}.thing.happened`, '{}')
    await nc.close()
    return
  }
  const client = new pg.Client({ connectionString: brokerServer.url })
  client.on('error', () => {})
  try {
    await client.connect()
    const { rowCount } = await client.query(
      `insert into commitcast_broker.message (topic, epoch, partition, "offset", id, type, key, time, tx, headers, body)
       select topic, epoch, partition, "offset" + 1, gen_random_uuid(), type, 'stray', time, tx, headers, body
       from commitcast_broker.message where topic = $1 and partition = $2 order by "offset" desc limit 1`,
      [`${app}-events`, partition],
    )
    if (rowCount !== 1) throw new Error(`Partition ${partition} is empty.`)
  } finally {
    await client.end().catch(() => {})
  }
}
