import { testBroker } from '@commitcast/broker/contract'
import { postgresBroker } from '@commitcast/broker/postgres'
import { surviveErrors } from '@commitcast/outbox'
import { startPostgres } from '@commitcast/servers'
import pg from 'pg'
import { afterAll, describe } from 'vitest'
import { skips } from './skips.ts'

describe.each([
  { name: 'postgres', options: {}, left: skips.postgres },
  {
    name: 'postgres behind a pooler',
    options: { schema: 'pooled', listen: false },
    left: { ...skips.postgres, ...skips.pooledPostgres },
  },
])('with a server of its own', ({ name, options, left }) => {
  const opened: { stop(): Promise<void> }[] = []
  afterAll(async () => {
    for (const each of opened.reverse()) await each.stop()
  })

  testBroker(
    name,
    async () => {
      const server = await startPostgres()
      const pool = surviveErrors(new pg.Pool({ connectionString: server.url }))
      opened.push(server, { stop: () => pool.end() })
      const remove = async (which: string, values: readonly unknown[]) => {
        const table = `${options.schema ?? 'commitcast_broker'}.message`
        const place = 'topic = $1 and epoch = $2 and partition = $3'
        await pool.query(`delete from ${table} where ${place} and "offset" ${which} $4`, [...values])
      }
      return {
        open: () => postgresBroker({ connectionString: server.url, ...options }),
        async restart() {
          await server.kill()
          await server.restart()
        },
        damage: {
          trim: ({ topic, partition }, offset) => remove('<=', [topic.name, topic.epoch, partition, offset]),
          remove: ({ topic, partition }, offset) => remove('=', [topic.name, topic.epoch, partition, offset]),
        },
      }
    },
    left,
  )
})
