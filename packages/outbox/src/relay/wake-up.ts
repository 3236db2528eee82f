import { listenOn } from '@commitcast/broker/postgres'
import { type Bell, leasesReleased, type OutageLog } from '@commitcast/worker'

/** Rings `bell`, or `leaseBell` where leases came free, at each NOTIFY of `schema`, and both after each (re)connection. */
export function listen(options: {
  readonly connectionString: string
  readonly schema: string
  readonly bell: Bell
  readonly leaseBell: Bell
  readonly signal: AbortSignal
  readonly outages: OutageLog
}): Promise<void> {
  const { connectionString, schema, bell, leaseBell, signal, outages } = options
  return listenOn({
    connectionString,
    channel: schema,
    signal,
    onNotify: (payload) => (payload === leasesReleased ? leaseBell : bell).ring(),
    onOpen() {
      outages.ended()
      bell.ring()
      leaseBell.ring()
    },
    onError: (error) => outages.failed(error),
  })
}
