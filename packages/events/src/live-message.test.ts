import { expect, test } from 'vitest'
import { channelsOf, decodeLiveEvent, encodeLiveMessage, restateMessage, withoutMetadata } from './live-message.ts'
import { decodeEvent, type Message } from './message.ts'

const message: Message = {
  offset: 7,
  id: '0190b7a5-0000-7000-8000-000000000001',
  type: 'order.placed',
  key: 'o1',
  time: '2026-01-01T00:00:00.000Z',
  tx: '99',
  headers: { notes: '{"values":{"at":["Date"]},"v":1}', correlation: 'c1' },
  body: '{"at":"2026-01-01T00:00:00.000Z"}',
}

test('data and metadata are read back with the types they had', () => {
  const metadata = { customer: { since: new Date(0), tags: new Set(['a']) } }
  const live = encodeLiveMessage(message, { metadata, channels: ['order:o1', 'all'] })
  expect(channelsOf(live)).toEqual(['order:o1', 'all'])
  expect(decodeLiveEvent(live, { epoch: 1, partition: 3 })).toEqual({
    id: message.id,
    type: 'order.placed',
    key: 'o1',
    data: { at: new Date('2026-01-01T00:00:00.000Z') },
    metadata,
    headers: { time: message.time, correlationId: 'c1' },
    epoch: 1,
    partition: 3,
    offset: 7,
    tx: '99',
  })
})

test('an event without channels becomes a filler at its offset', () => {
  const live = encodeLiveMessage(message, { metadata: { a: 1 }, channels: [] })
  expect(live).toMatchObject({ offset: 7, id: message.id, headers: {}, body: '{}' })
  expect(channelsOf(live)).toEqual([])
})

test('it says which kinds of metadata failed; without metadata all of them did', () => {
  const place = { epoch: 1, partition: 3 }
  const metadata = { customer: { since: new Date(0) }, book: 'x' }
  const live = encodeLiveMessage(message, { metadata, channels: ['all'], failed: ['shop'] })
  expect(decodeLiveEvent(live, place).failed).toEqual(['shop'])
  const reduced = withoutMetadata(live)
  expect(channelsOf(reduced)).toEqual(['all'])
  expect(decodeLiveEvent(reduced, place)).toEqual({
    ...decodeLiveEvent(live, place),
    metadata: {},
    failed: ['shop', 'customer', 'book'],
  })
  expect(decodeLiveEvent(encodeLiveMessage(message, { metadata: {}, channels: ['all'] }), place)).not.toHaveProperty(
    'failed',
  )
})

test('a message is restated with the data and version of the event that was made of it', () => {
  const place = { epoch: 1, partition: 3 }
  const event = decodeEvent(message, place)
  const upcast = { ...event, data: { tags: new Set(['x']) }, headers: { ...event.headers, schemaVersion: 3 } }
  expect(decodeEvent(restateMessage(message, upcast), place)).toEqual(upcast)
  const plain = restateMessage(message, { ...event, data: { n: 1 } })
  expect(plain).toMatchObject({ body: '{"n":1}', headers: { correlation: 'c1' } })
  expect(plain.headers).not.toHaveProperty('notes')
})
