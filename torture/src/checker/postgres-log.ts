import pg from 'pg'
import { type BrokerLog, type Found, found, relayHeader } from './broker-log.ts'

interface Row {
  readonly offset: string
  readonly id: string
  readonly key: string
  readonly type: string
  readonly body: string
  readonly headers: Readonly<Record<string, unknown>>
  readonly others: string
}

const most = 20_000

/** Reads the rows of a topic in one epoch by SQL. */
export function openPostgresLog({ url, topic, epoch }: { url: string; topic: string; epoch: number }): BrokerLog {
  const pool = new pg.Pool({ connectionString: url, max: 2, application_name: 'torture-checker' })
  pool.on('error', () => {})
  const place = (partition: number) => [topic, epoch, partition]
  return {
    async bounds(partition) {
      const { rows } = await pool.query<{ first: string; last: string }>(
        `select coalesce(min("offset"), 1) as first, coalesce(max("offset"), 0) as last
         from commitcast_broker.message where topic = $1 and epoch = $2 and partition = $3`,
        place(partition),
      )
      return { first: Number(rows[0]?.first), last: Number(rows[0]?.last) }
    },
    async read(partition, after, last) {
      const { rows } = await pool.query<Row>(
        `select "offset", id, key, type, body, headers, concat_ws(' ', type, time, tx) as others
         from commitcast_broker.message
         where topic = $1 and epoch = $2 and partition = $3 and "offset" > $4 and "offset" <= $5 order by "offset" limit ${most}`,
        [...place(partition), after, last],
      )
      return rows.map(foundIn)
    },
    close: () => pool.end(),
  }
}

function foundIn({ offset, headers, others, ...row }: Row): Found {
  const { channels, [relayHeader]: _, ...rest } = headers
  const texts = { ...row, channels: channels === undefined ? undefined : String(channels) }
  return found(Number(offset), { ...texts, others: [others, String(channels), JSON.stringify(rest)] })
}
