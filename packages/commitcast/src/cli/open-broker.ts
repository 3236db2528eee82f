import type { Broker } from '@commitcast/broker'
import { postgresBroker } from '@commitcast/broker/postgres'
import { withNats } from './with-nats.ts'

/** NATS where an address of it is given, else Postgres. Connects to nothing yet. */
export async function openBroker({ database, nats }: { database: string; nats: string | undefined }): Promise<Broker> {
  if (nats === undefined) return postgresBroker({ connectionString: database })
  const { natsBroker } = await withNats(() => import('@commitcast/broker/nats'))
  return natsBroker({ servers: nats })
}
