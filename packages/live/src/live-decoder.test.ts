import { defineEvents, encodeLiveMessage, type Message } from '@commitcast/events'
import { type Logger, silentLogger } from '@commitcast/worker'
import { expect, test } from 'vitest'
import { createLiveDecoder } from './live-decoder.ts'

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
  return { words, decode: createLiveDecoder({ epoch: 1, upcast, logger }) }
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
  const decode = createLiveDecoder({ epoch: 1 })
  expect(decode(messageOf('a', { value: { name: 'Emma' } }), 0).data).toEqual({ name: 'Emma' })
})
