import pg from 'pg'
import { type BrokerLog, found } from './broker-log.ts'

interface Row {
  readonly offset: string
  readonly id: string
  readonly key: string
  readonly type: string
  readonly body: string
  readonly channels: string | null
  readonly others: string
}

const most = 20_000

/** Reads the rows of a topic's first epoch by SQL. */
export function openPostgresLog({ url, topic }: { url: string; topic: string }): BrokerLog {
  const pool = new pg.Pool({ connectionString: url, max: 2, application_name: 'torture-checker' })
  pool.on('error', () => {})
  const place = (partition: number) => [topic, partition]
  return {
    async bounds(partition) {
      const { rows } = await pool.query<{ first: string; last: string }>(
        `select coalesce(min("offset"), 1) as first, coalesce(max("offset"), 0) as last
         from commitcast_broker.message where topic = $1 and partition = $2`,
        place(partition),
      )
      return { first: Number(rows[0]?.first), last: Number(rows[0]?.last) }
    },
    async read(partition, after, last) {
      const { rows } = await pool.query<Row>(
        `select "offset", id, key, type, body, headers ->> 'channels' as channels, concat_ws(' ', epoch, type, time, tx, headers) as others
         from commitcast_broker.message
         where topic = $1 and partition = $2 and "offset" > $3 and "offset" <= $4 order by epoch, "offset" limit ${most}`,
        [...place(partition), after, last],
      )
      return rows.map((row) =>
        found(Number(row.offset), { ...row, channels: row.channels ?? undefined, others: [row.others] }),
      )
    },
    close: () => pool.end(),
  }
}
