import { sleep } from '@commitcast/worker'
import pg from 'pg'

const connectMs = 10_000
const endMs = 500

/** Connects to a Postgres for what `act` does. Throws where that fails, as in an outage. */
export async function withClient<T>(connectionString: string, act: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: connectMs, application_name: 'torture' })
  // A connection that dies later is an error of the statement that runs, not of the process.
  client.on('error', () => {})
  try {
    await client.connect()
    return await act(client)
  } finally {
    await Promise.race([client.end().catch(() => {}), sleep(endMs)])
  }
}
