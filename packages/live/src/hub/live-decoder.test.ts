import { defineEvents, encodeLiveMessage, type LiveEvent, type Message, toUnreadable } from '@commitcast/events'
import { type Logger, silentLogger } from '@commitcast/worker'
import { expect, test } from 'vitest'
import { createLiveDecoder, type EventEnvelope } from './live-decoder.ts'

/** Takes any data. */
const data = { '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => ({ value }) } } as const

const { upcast } = defineEvents({
  a: { data, version: 2, upcast: { 1: ({ name }: { name: string }) => ({ title: name.trim() }) } },
  b: { data },
})

function messageOf(type: string, { value, version }: { value: unknown; version?: string }): Message {
  const headers = { ...(version !== undefined && { version }) }
  const plain = { offset: 1, id: 'id-1', type, key: 'k', time: '', tx: '1', headers, body: JSON.stringify(value) }
  return encodeLiveMessage(plain, { metadata: { book: 1 }, channels: ['all'] })
}

function decoding() {
  const words: string[] = []
  const say = (level: string) => ({ value: ({ type }: { type: string }) => words.push(`${level} ${type}`) })
  const logger = Object.create(silentLogger, { warn: say('warn'), error: say('error') }) as Logger
  const decoder = createLiveDecoder({ epoch: 1, upcast, logger })
  return {
    words,
    decoder,
    decode: (message: Message, partition: number) => eventIn(decoder.decode(message, partition)),
  }
}

function eventIn(envelope: EventEnvelope): LiveEvent {
  if (envelope.kind === 'event') return envelope.event
  throw new Error('It can not be read.')
}

test('an old event is upcast, and keeps its metadata; a present one stays as it is', () => {
  const { decode, words } = decoding()
  const upcasted = { data: { title: 'Emma' }, metadata: { book: 1 }, headers: { schemaVersion: 2 }, partition: 3 }
  expect(decode(messageOf('a', { value: { name: 'Emma' } }), 3)).toMatchObject(upcasted)
  expect(decode(messageOf('a', { value: { title: 'Emma' }, version: '2' }), 3)).toMatchObject(upcasted)
  expect(words).toEqual([])
})

test('an event of a newer version is handed on as it is, with one warning per type', () => {
  const { decode, words } = decoding()
  for (const type of ['a', 'b', 'a']) {
    const event = decode(messageOf(type, { value: { later: true }, version: '3' }), 0)
    expect(event).toMatchObject({ data: { later: true }, headers: { schemaVersion: 3 } })
  }
  expect(words).toEqual(['warn a', 'warn b'])
})

test('an event whose step throws is handed on as it is, with one error per type', () => {
  const { decode, words } = decoding()
  for (const value of [{ name: 1 }, {}]) expect(decode(messageOf('a', { value }), 0).data).toEqual(value)
  expect(words).toEqual(['error a'])
})

test('without a catalogue every event stays as it is', () => {
  const { decode } = createLiveDecoder({ epoch: 1 })
  expect(eventIn(decode(messageOf('a', { value: { name: 'Emma' } }), 0)).data).toEqual({ name: 'Emma' })
})

test('what can not be read becomes an unreadable envelope, counted and said once, however often it is read', () => {
  const { decoder, words } = decoding()
  const good = messageOf('a', { value: { name: 'Emma' } })
  const bad = [
    toUnreadable(good, ['all']),
    { ...good, offset: 2, headers: { ...good.headers, notes: 'gift wrap' } },
    { ...good, offset: 3, headers: { ...good.headers, version: 'v2' } },
    { ...good, offset: 4, body: '{"data":{"constructor":1},"metadata":{}}' },
    { ...good, offset: 5, body: 'no JSON' },
  ]
  for (const message of [...bad, ...bad]) {
    expect(decoder.decode(message, 3)).toEqual({
      kind: 'unreadable',
      event: {
        id: 'id-1',
        type: 'a',
        key: 'k',
        code: 'UNREADABLE_EVENT',
        epoch: 1,
        partition: 3,
        offset: message.offset,
        tx: '1',
      },
    })
  }
  expect(decoder.unreadable).toBe(5)
  expect(words).toEqual(['error a'])
})
