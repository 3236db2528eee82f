import type { TopicOptions } from '@commitcast/broker'
import { duration } from '../duration.ts'
import { groupLines } from '../groups-text.ts'
import { textTable } from '../text-table.ts'
import type { BrokerView } from './look-at-broker.ts'
import type { Member, PartitionStatus, Pipeline } from './read-pipeline.ts'

/** All that `commitcast status` found out, as `--json` prints it. */
export interface Status extends Pipeline {
  readonly topic: TopicOptions
  readonly broker: Omit<BrokerView, 'ends'>
  readonly partitions: readonly (PartitionStatus & {
    /** The newest offset that the broker has; null where it could not be asked. */
    readonly stored: number | null
  })[]
}

/** The same for people: a table of the partitions, then who works and how long the outbox has room. */
export function statusText({ topic, broker, partitions, members, groups, parked, segments }: Status): string {
  return [
    `${topic.name}, epoch ${topic.epoch}, on ${broker.name}`,
    '',
    ...textTable([
      ['partition', 'given', 'waiting', 'oldest', 'stored', 'relay'],
      ...partitions.map((row) => [
        String(row.partition),
        String(row.given),
        `${row.waiting}${row.waitingIsMore ? '+' : ''}`,
        row.oldestWaitingMs === null ? '' : duration(row.oldestWaitingMs),
        storedText(row),
        leaseText(row.lease),
      ]),
    ]),
    '',
    ...workerLines('relays', 'relay', members),
    ...workerLines('stream workers', 'live', members),
    ...groupLines(groups),
    `parked events: ${parked === 0 ? 'none' : `${parked}, see "commitcast parked list"`}`,
    `segments: ${segments.count}, ${segments.until === null ? 'none ahead' : `until ${segments.until}`}`,
    '',
  ].join('\n')
}

function storedText({ given, stored }: { given: number; stored: number | null }): string {
  if (stored === null) return '?'
  return stored > given ? `${stored} (never given!)` : String(stored)
}

function leaseText(lease: PartitionStatus['lease']): string {
  if (lease === null) return 'none'
  return `${lease.owner}, term ${lease.term}, ${timeLeftText(lease.expiresInMs)}`
}

function timeLeftText(ms: number | null): string {
  if (ms === null) return 'ran out'
  return ms > 0 ? `${duration(ms)} left` : `ran out ${duration(-ms)} ago`
}

function workerLines(title: string, group: string, members: readonly Member[]): string[] {
  const ours = members.filter((member) => member.group === group)
  const line = ({ owner, seenMs, asleep }: Member) =>
    `  ${owner}, seen ${duration(seenMs)} ago${asleep ? ', asleep' : ''}`
  return [`${title}: ${ours.length || 'none'}`, ...ours.map(line)]
}
