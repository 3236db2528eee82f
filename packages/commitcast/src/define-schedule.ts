import type { EventCatalog } from '@commitcast/events'
import type { NewEvent, Schedule, Unschedule } from '@commitcast/outbox'
import { isRebuilding } from '@commitcast/stream'
import type { ReleaseRegistry } from './release-registry.ts'

export interface ScheduleParts<TCatalog extends EventCatalog> {
  readonly schedule: Schedule<TCatalog>
  readonly unschedule: Unschedule
  /** Checks an event as `append` does, and returns its id. */
  readonly checkEvent: (event: NewEvent<TCatalog>) => Promise<string>
  readonly releases: ReleaseRegistry
}

/** `cast.schedule` and `cast.unschedule`. In a rebuild nothing is scheduled or cancelled: the live projection has done it. */
export function defineSchedule<TCatalog extends EventCatalog>(
  parts: ScheduleParts<TCatalog>,
): { readonly schedule: Schedule<TCatalog>; readonly unschedule: Unschedule } {
  return {
    async schedule(trx, scheduled) {
      if (isRebuilding(trx)) return parts.checkEvent(scheduled.event as NewEvent<TCatalog>)
      const id = await parts.schedule(trx, scheduled)
      await parts.releases.registerIn(trx)
      return id
    },
    unschedule: async (trx, name) => !isRebuilding(trx) && parts.unschedule(trx, name),
  }
}
