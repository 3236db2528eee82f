import { newEpoch, readTopic, refillPartition } from '@commitcast/outbox'
import { onClient, openBroker } from '../connect-worker.ts'
import { patiently } from '../patiently.ts'
import type { Servers } from '../start-servers.ts'
import { withClient } from '../with-client.ts'

const schema = 'commitcast'
const epochMs = 60_000
const refillMs = 30_000

/** Ends the topic's epoch, as an operator does after a fail-over or a stray message. Tries again while writers hold it up. */
export async function beginEpoch({ databaseUrl }: Servers): Promise<void> {
  const ask = <T>(act: (sql: ReturnType<typeof onClient>) => Promise<T>) =>
    withClient(databaseUrl, (client) => act(onClient(client)))
  const { epoch } = await patiently(() => ask((sql) => readTopic(sql, schema)), { ms: epochMs })
  await patiently(() => ask((sql) => newEpoch(sql, { schema, from: epoch })), { ms: epochMs })
}

/**
 * What was scheduled while the server's clock showed a later time waits for that time: has it fire within seconds. What is due
 * soon keeps its time, and events that are held wait on.
 */
export async function bringForward({ databaseUrl }: Servers): Promise<void> {
  const bring = `update commitcast.scheduled_event set at = clock_timestamp() + interval '2 seconds'
    where at > clock_timestamp() + interval '1 minute' and name not like 'hold:%'`
  await patiently(() => withClient(databaseUrl, (client) => client.query(bring)), { ms: epochMs })
}

/** Refills what the broker lacks at the ends of epochs that have ended, which no relay does any more. */
export async function refillEndedEpochs(servers: Servers, app: string): Promise<void> {
  const broker = openBroker(servers)
  const signal = AbortSignal.timeout(refillMs)
  try {
    await withClient(servers.databaseUrl, async (client) => {
      const sql = onClient(client)
      const { epoch: present, partitions } = await readTopic(sql, schema)
      for (let epoch = 1; epoch < present; epoch++) {
        const topic = await broker.topic({ name: `${app}-events`, epoch, partitions })
        for (let partition = 0; partition < partitions; partition++)
          await refillPartition(sql, { schema, topic, partition, signal })
      }
    })
  } finally {
    await broker.close()
  }
}
