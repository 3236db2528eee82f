import { isDeepStrictEqual } from 'node:util'
import { channelsOf, ownerIdOf, poisonKey, tintIdOf } from '../read-side/read-side-story.ts'
import type { Found } from './broker-log.ts'

/** What look-ups find, by kind and id. */
export interface LookUpTables {
  readonly owner: ReadonlyMap<string, unknown>
  readonly tint: ReadonlyMap<number, unknown>
}

/** What is wrong, each in words. */
export interface LiveFindings {
  /** Events without a live message at their place that is theirs and says what it should. */
  readonly lost: readonly string[]
  /** Events that were told at two places, or at one place in two ways. */
  readonly duplicated: readonly string[]
  /** Live messages at a place where their event is not. */
  readonly outOfOrder: readonly string[]
}

type ByPartition<T> = readonly (readonly T[])[]

/** Compares the live topic, and what was seen of it meanwhile, with the events that are stored. */
export function checkLive(given: {
  readonly events: ByPartition<Found>
  readonly live: ByPartition<Found>
  /** What was first seen at each offset. */
  readonly seen: ByPartition<Found | undefined>
  readonly changed: readonly string[]
  readonly tables: LookUpTables
}): LiveFindings {
  const { events, live, seen, changed, tables } = given
  const lost: string[] = []
  const duplicated: string[] = [...changed]
  const outOfOrder: string[] = []
  const places = new Map<string, string>()
  for (const [partition, messages] of live.entries()) {
    const eventAt = new Map(events[partition]!.map((event) => [event.offset, event]))
    for (const message of messages) {
      const { id, offset } = message
      const place = `partition ${partition}, offset ${offset}`
      const before = seen[partition]![offset]
      if (places.has(id)) duplicated.push(`${place}: event ${id} is also told at ${places.get(id)}`)
      if (before && before.digest !== message.digest)
        duplicated.push(`${place}: was event ${before.id}, told otherwise`)
      if (eventAt.get(offset)?.id !== id) outOfOrder.push(`${place}: event ${id} is told, but does not stand here`)
      places.set(id, place)
    }
    const liveAt = new Map(messages.map((message) => [message.offset, message]))
    for (const event of events[partition]!) {
      const trouble = whatIsWrong(event, liveAt.get(event.offset), tables)
      if (trouble) lost.push(`partition ${partition}, offset ${event.offset}: event ${event.id} ${trouble}`)
    }
  }
  return { lost, duplicated, outOfOrder }
}

function whatIsWrong(event: Found, message: Found | undefined, tables: LookUpTables): string | undefined {
  if (message?.id !== event.id) return 'is not told'
  // Nobody knows how it is to be told.
  if (event.key === poisonKey) return undefined
  const channels = event.type === 'commitcast.timeout' ? [] : channelsOf(event)
  if (channels.length === 0) return message.channels === undefined ? undefined : 'is told, and nobody follows it'
  if (message.channels !== JSON.stringify(channels)) return `is told on ${message.channels}, not on ${channels}`
  const body = { data: JSON.parse(event.body) as unknown, metadata: metadataOf(event, tables) }
  return isDeepStrictEqual(JSON.parse(message.body), body) ? undefined : `is told as ${message.body}`
}

function metadataOf(event: Found, { owner, tint }: LookUpTables): Record<string, unknown> {
  const tintId = tintIdOf(event)
  const found = { owner: owner.get(ownerIdOf(event)), tint: tintId === undefined ? undefined : tint.get(tintId) }
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined))
}
