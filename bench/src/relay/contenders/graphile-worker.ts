import { Logger, run, runMigrations } from 'graphile-worker'
import { keyOfN, payload, type } from '../../sample-event.ts'
import { seed } from '../../seed.ts'
import type { Contender } from '../contender.ts'
import { countTo } from '../count-to.ts'
import { holdTable } from '../hold-table.ts'
import { openStreams, partitionOf } from '../open-streams.ts'

interface Job {
  readonly id: string
  readonly key: string
  readonly data: unknown
}

const silent = new Logger(() => () => {})

/**
 * graphile-worker with a job per event, added in the transaction (https://worker.graphile.org/docs/sql-add-job), batched
 * as for the best figures of https://worker.graphile.org/docs/performance. Jobs run side by side, so a key's order is
 * not kept; named queues would keep it, one job at a time.
 */
export const graphileWorker: Contender = {
  async seed(place) {
    await runMigrations({ connectionString: place.databaseUrl, logger: silent })
    await seed(
      { databaseUrl: place.databaseUrl, transactions: place.events },
      `perform graphile_worker.add_job('${type}',
         json_build_object('id', gen_random_uuid(), 'key', ${keyOfN}, 'data', '${payload}'::json))`,
    )
  },
  async prepare({ databaseUrl, natsUrl, name, events }) {
    const { nc, js, subject } = await openStreams(natsUrl, name)
    const count = countTo(events)
    const publish = async (job: unknown) => {
      const { id, key, data } = job as Job
      await js.publish(subject(partitionOf(key), type), JSON.stringify(data), { msgID: id })
      count.add()
    }
    const held = await holdTable(databaseUrl, 'graphile_worker._private_jobs')
    const starting = run({
      connectionString: databaseUrl,
      taskList: { [type]: publish },
      noHandleSignals: true,
      logger: silent,
      preset: {
        worker: {
          concurrentJobs: 24,
          maxPoolSize: 25,
          localQueue: { size: 500 },
          completeJobBatchDelay: 0,
          failJobBatchDelay: 0,
        },
      },
    })
    await held.wanted()
    return {
      async carry() {
        await held.release()
        await count.reached
      },
      async stop() {
        const runner = await starting
        await runner.stop()
        await nc.close()
      },
    }
  },
}
