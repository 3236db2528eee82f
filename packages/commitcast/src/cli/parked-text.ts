import type { ParkedEvent, ParkedEventInFull } from '@commitcast/outbox'
import { shown } from './shown.ts'
import { textTable } from './text-table.ts'
import { toSeconds } from './to-seconds.ts'

/** What `commitcast parked list` found, for people. */
export function parkedText({ parked, hasMore }: { parked: readonly ParkedEvent[]; hasMore: boolean }): string {
  if (parked.length === 0) return 'Nothing is parked.\n'
  const rows = parked.map((event) => [
    event.id,
    event.group,
    toSeconds(event.parkedAt),
    `${event.partition}/${event.offset}`,
    event.type,
    shown(event.key, 40),
    String(event.attempts),
    nextTry(event),
    shown(event.reason, 500),
  ])
  const heading = ['id', 'group', 'parked at', 'partition/offset', 'type', 'key', 'tries', 'next try', 'reason']
  const lines = textTable([heading, ...rows])
  const more = hasMore ? [`There are more: add --after ${parked.at(-1)?.id}.`] : []
  return `${[...lines, ...more].join('\n')}\n`
}

/** When it is tried again, or what it waits for. */
function nextTry({ retryAt, attempts }: ParkedEvent): string {
  if (retryAt !== null) return toSeconds(retryAt)
  return attempts === 0 ? 'after the one before it' : 'when you retry it'
}

/** One parked event, for people. */
export function parkedInFullText({ dataText, headers, history, ...event }: ParkedEventInFull): string {
  const lines = [
    ...textTable([
      ['event', `${event.eventId}  ${event.type}`],
      ['key', shown(event.key, 500)],
      ['group', event.group],
      ['place', `partition ${event.partition}, offset ${event.offset}, epoch ${event.epoch}`],
      ['written', event.occurredAt],
      ['tries', event.attempts === 0 ? 'none: it waits behind another event of its key' : String(event.attempts)],
      ['next try', nextTry(event)],
      ['reason', shown(event.reason, 2_000)],
      ['headers', shown(JSON.stringify(headers), 2_000)],
      ['data', shown(dataText, 20_000)],
    ]),
    '',
    ...textTable(
      history.map(({ at, actor, action, reason }) => [at, action, `by ${shown(actor, 60)}`, shown(reason, 500)]),
    ),
  ]
  return `${lines.join('\n')}\n`
}

/** One parked event as JSON, its data as it was written. */
export function parkedInFullJson({ data: _, dataText, ...event }: ParkedEventInFull): string {
  return `${JSON.stringify(event).slice(0, -1)},"data":${dataText}}\n`
}

/** What was done to which parked events, for people. */
export function handledText(word: 'retried' | 'dropped', ids: readonly string[]): string {
  if (ids.length === 0) return 'Nothing is parked.\n'
  const after =
    word === 'retried'
      ? 'What the broker had refused comes at new offsets, behind later ones of its key; what a group had parked is tried by its workers, and those behind it. What fails again is parked again.'
      : 'They will not be handled. What waits behind them continues.'
  const events = ids.length === 1 ? '1 event' : `${ids.length} events`
  const shown = ids.length > 20 ? `${ids.slice(0, 20).join(', ')}, …` : ids.join(', ')
  return `${events} ${word}: ${shown}. ${after}\n`
}
