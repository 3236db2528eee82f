import { listenOn } from '@commitcast/broker/postgres'
import { type Bell, type Logger, leasesReleased } from '@commitcast/worker'

/** Rings `bell`, or `leaseBell` where leases came free, at each NOTIFY of `schema`, and both after each (re)connection. */
export function listen(options: {
  readonly connectionString: string
  readonly schema: string
  readonly bell: Bell
  readonly leaseBell: Bell
  readonly signal: AbortSignal
  readonly logger: Logger
}): Promise<void> {
  const { connectionString, schema, bell, leaseBell, signal, logger } = options
  return listenOn({
    connectionString,
    channel: schema,
    signal,
    onNotify: (payload) => (payload === leasesReleased ? leaseBell : bell).ring(),
    onOpen() {
      bell.ring()
      leaseBell.ring()
    },
    onError: (error) =>
      logger.warn({ code: 'LISTEN_FAILS', err: error }, 'can not listen for new events; polling continues'),
  })
}
