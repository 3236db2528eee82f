import { createStateReader, createSubscriptions, type Hub, startHub } from '@commitcast/live'
import { readLastAssigned, readTopic } from '@commitcast/outbox'
import { aborted, untilItWorks } from '@commitcast/worker'
import { runProcess } from 'commitcast/process'
import { createLiveRouter, type Tables, type TortureEvent } from './api/live-router.ts'
import { startLiveServer } from './api/start-live-server.ts'
import { connectWorker, type WorkerConfig } from './connect-worker.ts'
import { sabotageLive } from './sabotage/sabotage-live.ts'

/** What an API process is given. */
export type ApiConfig = WorkerConfig

const schema = 'commitcast'
/** A small ring, so that clients who were away for seconds are served from the log; as far back as that goes. */
const limits = { maxRingBytes: 8 * 1024 * 1024, prime: 200, maxCatchUp: 1_000_000, maxCatchUpBytes: 2 ** 30 }

await runProcess(
  'api',
  async ({ signal, logger }) => {
    const config = JSON.parse(process.argv[2] ?? '{}') as ApiConfig
    const { db, sql, broker, close } = connectWorker('api', config)
    const closing = new AbortController()
    const hubs: Hub[] = []
    let hub: Promise<Hub> | undefined
    const openHub = async (): Promise<Hub> => {
      const topic = await broker.topic({ name: `${config.app}-live`, ...(await readTopic(sql, schema)) })
      const opened = await startHub({
        topic,
        epochNow: async () => (await readTopic(sql, schema)).epoch,
        lastAssigned: (partition) => readLastAssigned(sql, schema, { epoch: topic.epoch, partition }),
        onEnded() {
          hub = undefined
        },
        signal: closing.signal,
        logger,
        ...limits,
      })
      hubs.push(opened)
      return opened
    }
    const sharedHub = () => {
      hub ??= openHub().catch((error) => {
        hub = undefined
        throw error
      })
      return hub
    }
    if (!(await untilItWorks(sharedHub, { signal, onError: (err) => logger.warn({ err }, 'waits for its servers') })))
      return
    const parts = { sharedHub, states: createStateReader(db, schema), logger }
    const live = sabotageLive(config.sabotage, createSubscriptions<TortureEvent, Tables>(parts), parts)
    const server = await startLiveServer(createLiveRouter(live), logger)
    logger.info({ port: server.port }, 'listening')
    await aborted(signal)
    await server.close()
    closing.abort()
    await Promise.all(hubs.map(({ done }) => done))
    await close()
  },
  { drainMs: 9_000 },
)
