import type { GroupStatus, Rebuild } from '@commitcast/stream'
import { duration } from './duration.ts'
import { textTable } from './text-table.ts'

/** What `commitcast group list` found, for people. */
export function groupsText(groups: readonly GroupStatus[]): string {
  if (groups.length === 0) return 'No group has begun yet.\n'
  const rows = groups.map((row) => [
    row.group,
    String(row.partition),
    row.epoch === 1 ? String(row.offset) : `${row.offset} of epoch ${row.epoch}`,
    String(row.lag),
    row.oldestMs === null ? '' : duration(row.oldestMs),
    String(row.parked),
    row.owner ?? 'none',
  ])
  return `${textTable([['group', 'partition', 'done', 'lag', 'oldest', 'parked', 'worker'], ...rows]).join('\n')}\n`
}

/** The rebuilds that run, for people. */
export function rebuildsText(rebuilds: readonly Rebuild[]): string {
  if (rebuilds.length === 0) return 'Nothing is being rebuilt.\n'
  const rows = rebuilds.map(({ group, shadowGroup, requestedAt, behind, parked, waitingFor }) => [
    group,
    shadowGroup,
    requestedAt.toISOString(),
    behind === undefined ? '?' : String(behind),
    String(parked),
    waitingFor ?? '',
  ])
  return `${textTable([['group', 'rebuilt as', 'since', 'behind', 'parked', 'waits for'], ...rows]).join('\n')}\n`
}

/** One line for each group, as `commitcast status` has it. */
export function groupLines(groups: readonly GroupStatus[]): string[] {
  const byGroup = Map.groupBy(groups, (row) => row.group)
  const lines = [...byGroup].map(([name, rows]) => {
    const sum = (pick: (row: GroupStatus) => number) => rows.reduce((total, row) => total + pick(row), 0)
    const oldest = Math.max(0, ...rows.map((row) => row.oldestMs ?? 0))
    const lag = sum((row) => row.lag)
    const workers = new Set(rows.flatMap((row) => row.owner ?? [])).size
    const behind = lag === 0 ? 'up to date' : `${lag} behind, the oldest for ${duration(oldest)}`
    const parked = sum((row) => row.parked)
    return `  ${name}: ${behind}; workers: ${workers || 'none'}${parked > 0 ? `; parked: ${parked}` : ''}`
  })
  return [`groups: ${byGroup.size || 'none'}`, ...lines]
}
