import { type Bell, createBackoff, type Logger, leasesReleased, sleep } from '@commitcast/worker'
import pg from 'pg'

/** Rings `bell`, or `leaseBell` where leases came free, at each NOTIFY of `schema`, and both after each (re)connection. */
export async function listen(options: {
  readonly connectionString: string
  readonly schema: string
  readonly bell: Bell
  readonly leaseBell: Bell
  readonly signal: AbortSignal
  readonly logger: Logger
}): Promise<void> {
  const { connectionString, schema, bell, leaseBell, signal, logger } = options
  const backoff = createBackoff()
  while (!signal.aborted) {
    const client = new pg.Client({ connectionString, keepAlive: true })
    const broken = new AbortController()
    client.on('error', () => broken.abort())
    client.on('end', () => broken.abort())
    client.on('notification', ({ payload }) => (payload === leasesReleased ? leaseBell : bell).ring())
    try {
      await client.connect()
      await client.query(`listen ${schema}`)
      backoff.reset()
      bell.ring()
      leaseBell.ring()
      await sleep(2 ** 31 - 1, AbortSignal.any([signal, broken.signal]))
    } catch (error) {
      logger.warn({ err: error }, 'can not listen for new events; polling goes on')
    }
    await client.end().catch(() => {})
    if (!signal.aborted) await backoff.wait(signal)
  }
}
