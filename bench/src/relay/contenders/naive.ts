import { openPool } from '../../open-pool.ts'
import { keyOfN, payload, type } from '../../sample-event.ts'
import { seed } from '../../seed.ts'
import type { Contender } from '../contender.ts'
import { openStreams, partitionOf } from '../open-streams.ts'

/** The outbox of many tutorials: lock a hundred rows, publish each and wait, delete them. */
export const naive: Contender = lockAndPublish(async (rows, publish) => {
  for (const row of rows) await publish(row)
})

/** The same, waiting for a hundred acknowledgements at once. */
export const naiveAll: Contender = lockAndPublish(async (rows, publish) => {
  await Promise.all(rows.map(publish))
})

interface Row {
  readonly position: string
  readonly id: string
  readonly type: string
  readonly key: string
  readonly data: unknown
}

function lockAndPublish(
  publishAll: (rows: readonly Row[], publish: (row: Row) => Promise<unknown>) => Promise<void>,
): Contender {
  return {
    async seed(place) {
      const pool = openPool(place.databaseUrl)
      await pool.query(`create table outbox (position bigint generated always as identity primary key,
        id uuid not null default gen_random_uuid(), type text not null, key text not null, data json not null,
        created_at timestamptz not null default now())`)
      await pool.end()
      await seed(
        { databaseUrl: place.databaseUrl, transactions: place.events },
        `insert into outbox (type, key, data) values ('${type}', ${keyOfN}, '${payload}')`,
      )
    },
    async prepare({ databaseUrl, natsUrl, name, events }) {
      const { nc, js, subject } = await openStreams(natsUrl, name)
      const pool = openPool(databaseUrl, { max: 1 })
      const client = await pool.connect()
      const publish = ({ id, key, type, data }: Row) =>
        js.publish(subject(partitionOf(key), type), JSON.stringify(data), { msgID: id })
      return {
        async carry() {
          for (let left = events; left > 0; ) {
            await client.query('begin')
            const { rows } = await client.query<Row>(
              'select * from outbox order by position limit 100 for update skip locked',
            )
            if (rows.length === 0) throw new Error(`The table is empty; ${left} events are missing.`)
            await publishAll(rows, publish)
            await client.query('delete from outbox where position = any($1)', [rows.map((row) => row.position)])
            await client.query('commit')
            left -= rows.length
          }
        },
        async stop() {
          client.release()
          await Promise.all([pool.end(), nc.close()])
        },
      }
    },
  }
}
