import { connect } from 'nats'
import type pg from 'pg'
import { openPool } from '../../open-pool.ts'
import { partitions } from '../../sample-event.ts'
import { consumePartition } from '../consume-partition.ts'
import type { Contender } from '../contender.ts'

/** The usual projection: for each event a transaction that counts it and notes its offset. The partitions go side by side. */
export const onePerTransaction: Contender = {
  async prepare(place) {
    const nc = await connect({ servers: place.natsUrl })
    const pool = openPool(place.databaseUrl)
    await pool.query('create table if not exists progress (partition int primary key, "offset" bigint not null)')
    await pool.query(`truncate progress; insert into progress select n, 0 from generate_series(0, ${partitions - 1}) n`)
    const consumed = await Promise.all(
      Array.from({ length: partitions }, (_, partition) => consumePartition(nc, place, partition)),
    )
    return {
      async carry() {
        await Promise.all(consumed.map((partition) => countEach(pool, partition)))
      },
      async stop() {
        await Promise.all([pool.end(), nc.close()])
      },
    }
  },
}

async function countEach(pool: pg.Pool, { partition, eachInTurn }: Awaited<ReturnType<typeof consumePartition>>) {
  const client = await pool.connect()
  try {
    await eachInTurn(async ({ headers, seq }) => {
      await client.query('begin')
      await client.query(
        `insert into order_count (key, orders) values ($1, 1)
         on conflict (key) do update set orders = order_count.orders + 1`,
        [headers!.get('key')],
      )
      await client.query('update progress set "offset" = $2 where partition = $1', [partition, seq])
      await client.query('commit')
    })
  } finally {
    client.release()
  }
}
