import type { ProcessHistoryEntry, ProcessInstance, ProcessInstanceInFull } from '@commitcast/stream'
import { shown } from './shown.ts'
import { textTable } from './text-table.ts'
import { toSeconds } from './to-seconds.ts'

interface InstanceList {
  readonly instances: readonly ProcessInstance[]
  readonly hasMore: boolean
}

/** What `commitcast process list` found, for people. */
export function instancesText({ instances, hasMore }: InstanceList): string {
  if (instances.length === 0) return 'There is no such instance.\n'
  const rows = instances.map((each) => [
    each.process,
    shown(each.instance, 60),
    each.status,
    toSeconds(each.changedAt),
    waitsFor(each),
  ])
  const lines = textTable([['process', 'instance', 'status', 'since', 'waits for'], ...rows])
  return `${[...lines, ...(hasMore ? ['There are more: raise --limit.'] : [])].join('\n')}\n`
}

function waitsFor({ finishedAt, parked, nextTimeout, nextTimeoutAt }: ProcessInstance): string {
  if (parked > 0) return parked === 1 ? '1 parked event' : `${parked} parked events`
  if (finishedAt !== null) return 'nothing: it has finished'
  if (nextTimeout === null || nextTimeoutAt === null) return 'an event'
  return `an event, or its time-out ${nextTimeout} at ${toSeconds(nextTimeoutAt)}`
}

/** One instance, for people. */
export function instanceInFullText(instance: ProcessInstanceInFull): string {
  const { process, incarnation, status, startedAt, taken, ignored, timeouts, stateText, history } = instance
  const lines = [
    ...textTable([
      ['process', process],
      ['instance', shown(instance.instance, 500)],
      ['status', `${status}, since ${instance.changedAt}`],
      ['waits for', waitsFor(instance)],
      ['started', `${startedAt}, incarnation ${incarnation}`],
      ['inputs', `${taken} taken, ${ignored} after it had finished`],
      ['time-outs', timeouts.map(({ name, at }) => `${name} at ${at}`).join(', ') || 'none'],
      ['state', shown(stateText, 20_000)],
    ]),
    '',
    ...textTable(history.map(historyRow)),
  ]
  return `${lines.join('\n')}\n`
}

function historyRow({ at, input, eventId, outcome, from, to, outputs, timeouts }: ProcessHistoryEntry): string[] {
  const change = outcome === 'started' || outcome === 'taken' ? `${from ?? 'none'} → ${to}` : words[outcome]
  const appended = outputs.map(({ type, key }) => `${type} ${shown(key, 40)}`)
  const set = Object.entries(timeouts ?? {}).map(([name, when]) => `${name}: ${timeText(when)}`)
  return [at, input, change, [...appended, ...set].join(', '), eventId]
}

const words = {
  ignored: 'ignored',
  ended: 'ignored: it had finished',
  stale: 'ignored: it was cancelled after it had fired',
} as const

function timeText(when: unknown): string {
  if (typeof when !== 'object' || when === null) return 'cancelled'
  return 'afterMs' in when ? `in ${when.afterMs} ms` : `at ${String((when as { at?: unknown }).at)}`
}
