import { listenOn } from '@commitcast/broker/postgres'
import { type Bell, leasesReleased, type OutageLog } from '@commitcast/worker'
import { scheduledSoon } from '../schedule/scheduled-soon.ts'

/**
 * Rings `bell` at each NOTIFY of `schema`; `leaseBell` in its place where leases came free, `scheduleBell` where an event may be due
 * soon. All three after each (re)connection.
 */
export function listen(options: {
  readonly connectionString: string
  readonly schema: string
  readonly bell: Bell
  readonly leaseBell: Bell
  readonly scheduleBell: Bell
  readonly signal: AbortSignal
  readonly outages: OutageLog
}): Promise<void> {
  const { connectionString, schema, bell, leaseBell, scheduleBell, signal, outages } = options
  const bells = new Map([
    [leasesReleased, leaseBell],
    [scheduledSoon, scheduleBell],
  ])
  return listenOn({
    connectionString,
    channel: schema,
    signal,
    onNotify: (payload) => (bells.get(payload) ?? bell).ring(),
    onOpen() {
      outages.ended()
      bell.ring()
      for (const other of bells.values()) other.ring()
    },
    onError: (error) => outages.failed(error),
  })
}
