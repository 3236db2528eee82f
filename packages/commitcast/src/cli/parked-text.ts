import type { ParkedEvent } from '@commitcast/outbox'
import { textTable } from './text-table.ts'

/** What `commitcast parked list` found, for people. */
export function parkedText({ parked, hasMore }: { parked: readonly ParkedEvent[]; hasMore: boolean }): string {
  if (parked.length === 0) return 'Nothing is parked.\n'
  const rows = parked.map((event) => [
    event.id,
    `${event.parkedAt.slice(0, 19)}Z`,
    `${event.partition}/${event.offset}`,
    event.type,
    shown(event.key, 40),
    shown(event.reason, 500),
  ])
  const lines = textTable([['id', 'parked at', 'partition/offset', 'type', 'key', 'reason'], ...rows])
  const more = hasMore ? [`There are more: add --after ${parked.at(-1)?.id}.`] : []
  return `${[...lines, ...more].join('\n')}\n`
}

/** What was done to which parked events, for people. */
export function handledText(word: 'retried' | 'dropped', ids: readonly string[]): string {
  if (ids.length === 0) return 'Nothing is parked.\n'
  const after =
    word === 'retried'
      ? 'Retried events come at new offsets, behind later ones of their keys. What the broker refuses again is parked again.'
      : 'Nobody will be told of them.'
  const events = ids.length === 1 ? '1 event' : `${ids.length} events`
  const shown = ids.length > 20 ? `${ids.slice(0, 20).join(', ')}, …` : ids.join(', ')
  return `${events} ${word}: ${shown}. ${after}\n`
}

/** Somebody else's text on our terminal. */
function shown(text: string, length: number): string {
  const plain = text.replaceAll(/\p{C}/gu, '?')
  return plain.length > length ? `${plain.slice(0, length - 1)}…` : plain
}
