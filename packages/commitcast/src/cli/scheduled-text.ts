import type { ScheduledEvent } from '@commitcast/outbox'
import { shown } from './shown.ts'
import { textTable } from './text-table.ts'
import { toSeconds } from './to-seconds.ts'

/** What `commitcast schedule list` found, for people. */
export function scheduledText({ scheduled, hasMore }: { scheduled: readonly ScheduledEvent[]; hasMore: boolean }) {
  if (scheduled.length === 0) return 'Nothing is scheduled.\n'
  const rows = scheduled.map(({ at, owner, name, type, key, refused }) => [
    toSeconds(at),
    shown(owner, 80),
    shown(name, 80),
    type,
    shown(key, 40),
    shown(refused ?? '', 500),
  ])
  const lines = textTable([['due', 'owner', 'name', 'type', 'key', 'refused'], ...rows])
  const more = hasMore ? ['There are more: raise --limit, or name an --owner.'] : []
  return `${[...lines, ...more].join('\n')}\n`
}
