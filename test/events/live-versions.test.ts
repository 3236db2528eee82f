import { type MemoryStorage, memoryBroker } from '@commitcast/broker/memory'
import { type EventCatalog, type EventOf, encodeCursor } from '@commitcast/events'
import { type Commitcast, createCommitcast, defineEvents } from 'commitcast'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { readLog } from '../fixtures/read-log.ts'
import { listeningLogger } from '../outbox/parked-events.ts'

const before = defineEvents({ 'room.booked': { data: z.object({ guest: z.string(), on: z.date() }) } })
const after = defineEvents({
  'room.booked': {
    data: z.object({ guests: z.array(z.string()), on: z.date() }),
    version: 2,
    upcast: { 1: ({ guest, on }: { guest: string; on: Date }) => ({ guests: [guest], on }) },
  },
})

const app = 'hotel'
const on = new Date('2026-01-31T00:00:00.000Z')
const beginning = encodeCursor({ epoch: 1, offsets: [0] })
const booked = (guest: string) => ({ type: 'room.booked', key: guest, data: { guest, on } }) as const
const bookedNow = (...guests: string[]) => ({ type: 'room.booked', key: guests[0]!, data: { guests, on } }) as const

/** One database and one broker, for processes with either catalogue. */
async function openHotel() {
  const database = await freshDatabase({ partitions: 1 })
  const storage: MemoryStorage = new Map()
  const { logger, words } = listeningLogger()
  const open = <TCatalog extends EventCatalog>(events: TCatalog) =>
    createCommitcast({ app, events, db: database.db, broker: memoryBroker(storage), listenTo: database.url, logger })
  return {
    ...database,
    words,
    old: open(before),
    present: open(after),
    liveMessages: async () =>
      readLog(await memoryBroker(storage).topic({ name: `${app}-live`, epoch: 1, partitions: 1 }), 0),
  }
}

type Hotel = Awaited<ReturnType<typeof openHotel>>

/** Runs a relay and a stream worker until so many events are in the live topic. */
async function carry<TCatalog extends EventCatalog>(
  { liveMessages }: Hotel,
  {
    cast,
    channels,
    count,
  }: {
    cast: Commitcast<TCatalog, Record<string, never>>
    channels: (event: EventOf<TCatalog>) => string[]
    count: number
  },
) {
  const stopping = new AbortController()
  const live = cast.live({ channels })
  const running = cast.run({ roles: ['relay', 'stream'], use: [live], signal: stopping.signal })
  await eventually(async () => expect(await liveMessages()).toHaveLength(count))
  stopping.abort()
  await running
}

/** What a client is told that comes back with the first cursor. */
async function follow<TCatalog extends EventCatalog>(cast: Commitcast<TCatalog, Record<string, never>>) {
  const live = cast.live({ channels: () => [] })
  const events: EventOf<TCatalog>[] = []
  const leaving = new AbortController()
  const signal = AbortSignal.any([leaving.signal, AbortSignal.timeout(60_000)])
  const input = { lastEventId: beginning }
  for await (const [, envelope] of live.subscription({ channels: () => ['all'], authorize: 'everyone' })({
    ctx: {},
    input,
    signal,
  })) {
    if (envelope.kind === 'event') events.push(envelope.event as EventOf<TCatalog>)
    if (envelope.kind === 'live') leaving.abort()
  }
  await cast.close()
  return events
}

test('live messages that were made before the catalogue changed reach clients upcast', async () => {
  await using hotel = await openHotel()
  const { db, old, present, words } = hotel
  await db.transaction().execute((trx) => old.append(trx, [booked('ada'), booked('bruno')]))
  await carry(hotel, { cast: old, channels: () => ['all'], count: 2 })
  expect((await hotel.liveMessages()).map(({ headers }) => headers.version)).toEqual([undefined, undefined])
  const events = await follow(present)
  expect(events.map(({ data, headers }) => [data, headers.schemaVersion])).toEqual([
    [{ guests: ['ada'], on }, 2],
    [{ guests: ['bruno'], on }, 2],
  ])
  expect(words).toEqual([])
  await old.close()
})

test('the stream worker upcasts: channels see the present data, and the live message holds it with its version', async () => {
  await using hotel = await openHotel()
  const { db, old, present } = hotel
  await db.transaction().execute((trx) => old.append(trx, booked('ada')))
  await db.transaction().execute((trx) => present.append(trx, bookedNow('bruno', 'chloe')))
  const channels = (event: EventOf<typeof after>) => ['all', ...event.data.guests]
  await carry(hotel, { cast: present, channels, count: 2 })
  const messages = await hotel.liveMessages()
  expect(messages.map(({ headers }) => [headers.version, headers.channels])).toEqual([
    ['2', '["all","ada"]'],
    ['2', '["all","bruno","chloe"]'],
  ])
  expect((await follow(present)).map(({ data }) => data)).toEqual([
    { guests: ['ada'], on },
    { guests: ['bruno', 'chloe'], on },
  ])
  await old.close()
})

test('an API process that is older than the events hands them on as they are, and warns once per type', async () => {
  await using hotel = await openHotel()
  const { db, old, present, words } = hotel
  await db.transaction().execute((trx) => present.append(trx, [bookedNow('ada'), bookedNow('bruno')]))
  await carry(hotel, { cast: present, channels: () => ['all'], count: 2 })
  const events = await follow(old)
  expect(events.map(({ data, headers }) => [data, headers.schemaVersion])).toEqual([
    [{ guests: ['ada'], on }, 2],
    [{ guests: ['bruno'], on }, 2],
  ])
  expect(words).toEqual(['events of a newer version go to clients as they are'])
  await present.close()
})

test('a stream worker that is older than the events waits, until one that knows them takes over; nothing is lost', async () => {
  await using hotel = await openHotel()
  const { db, old, present } = hotel
  await db.transaction().execute((trx) => old.append(trx, booked('ada')))
  await db.transaction().execute((trx) => present.append(trx, bookedNow('bruno')))
  const stopping = new AbortController()
  const live = old.live({ channels: () => ['all'] })
  const running = old.run({ roles: ['relay', 'stream'], use: [live], signal: stopping.signal })
  await eventually(async () => {
    expect(await hotel.liveMessages()).toHaveLength(1)
    expect(JSON.stringify(old.health().stream)).toMatch(/readers before writers/)
  })
  stopping.abort()
  await running
  await carry(hotel, { cast: present, channels: () => ['all'], count: 2 })
  expect((await follow(present)).map(({ data }) => data.guests)).toEqual([['ada'], ['bruno']])
  await old.close()
})
