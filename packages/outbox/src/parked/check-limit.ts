import type { Topic } from '@commitcast/broker'
import type { Logger, Sql } from '@commitcast/worker'

/** What key, type and headers may take beside an event's data: all that the outbox lets through, percent-encoded. */
const reservedBytes = 65_536

export interface LimitCheck {
  readonly sql: Sql
  readonly schema: string
  readonly topic: Topic
  readonly logger: Logger
}

/** Warns where the outbox takes larger events than the broker: those between are parked, not lost. */
export async function checkLimit({ sql, schema, topic, logger }: LimitCheck): Promise<void> {
  const { name, maxMessageBytes } = topic
  const maxEventBytes = await readMaxEventBytes(sql, schema)
  if (maxMessageBytes === undefined || maxEventBytes === undefined) return
  if (maxEventBytes + reservedBytes <= maxMessageBytes) return
  logger.warn(
    { topic: name, maxEventBytes, maxMessageBytes },
    `the outbox takes events of up to ${maxEventBytes} bytes and the broker messages of up to ${maxMessageBytes}: ` +
      `what does not fit is parked, not lost. Raise the broker's limit to ${maxEventBytes + reservedBytes}`,
  )
}

/** Asks the check that does the refusing. `undefined` where somebody made another one of it. */
async function readMaxEventBytes(sql: Sql, schema: string): Promise<number | undefined> {
  const [row] = await sql.query<{ bytes: string | null }>(
    `select (regexp_match(pg_get_constraintdef(oid), 'octet_length\\(+data\\)?::text\\)* <= (\\d+)'))[1] as bytes
     from pg_constraint where conrelid = '${schema}.outbox'::regclass and contype = 'c'
     order by bytes nulls last limit 1`,
  )
  return row?.bytes ? Number(row.bytes) : undefined
}
