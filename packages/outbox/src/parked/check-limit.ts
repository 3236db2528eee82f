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
  const [row] = await sql.query<{ bytes: number }>(`select max_event_bytes as bytes from ${schema}.topic`)
  const maxEventBytes = row?.bytes
  if (maxMessageBytes === undefined || maxEventBytes === undefined) return
  if (maxEventBytes + reservedBytes <= maxMessageBytes) return
  logger.warn(
    { code: 'BROKER_LIMIT_LOW', topic: name, maxEventBytes, maxMessageBytes },
    `the outbox takes events of up to ${maxEventBytes} bytes and the broker messages of up to ${maxMessageBytes}: ` +
      `what does not fit is parked, not lost. Raise the broker's limit to ${maxEventBytes + reservedBytes}`,
  )
}
