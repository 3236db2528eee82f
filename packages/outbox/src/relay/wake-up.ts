import { listenOn } from '@commitcast/broker/postgres'
import { type Bell, leasesReleased, type OutageLog } from '@commitcast/worker'
import type { NextDue } from '../schedule/next-due.ts'
import { scheduledSoon } from '../schedule/scheduled-soon.ts'

/**
 * Rings `bell` at each NOTIFY of `schema`; `leaseBell` in its place where leases came free, that of `nextDue` where an
 * event is due soon. All three after each (re)connection.
 */
export function listen(options: {
  readonly connectionString: string
  readonly schema: string
  readonly bell: Bell
  readonly leaseBell: Bell
  readonly nextDue: NextDue
  readonly signal: AbortSignal
  readonly outages: OutageLog
}): Promise<void> {
  const { connectionString, schema, bell, leaseBell, nextDue, signal, outages } = options
  const bells = new Map([
    [leasesReleased, leaseBell],
    [scheduledSoon, nextDue.bell],
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
