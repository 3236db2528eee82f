import type { Message } from '@commitcast/events'
import { expect, test } from 'vitest'
import { chunkSize } from './chunk-size.ts'

function messagesOf(...lengths: readonly number[]): Message[] {
  return lengths.map((length, index) => ({
    offset: index + 1,
    id: `${index}`,
    type: 'thing.done',
    key: 'k',
    time: '',
    tx: '1',
    headers: {},
    body: 'x'.repeat(length),
  }))
}

test('a chunk of small messages is bounded by their number', () => {
  expect(chunkSize(messagesOf(...Array.from({ length: 1_200 }, () => 10)))).toBe(500)
  expect(chunkSize(messagesOf(10, 10, 10))).toBe(3)
  expect(chunkSize([])).toBe(0)
})

test('a chunk of large messages ends with the one that fills it', () => {
  expect(chunkSize(messagesOf(400_000, 400_000, 400_000, 10))).toBe(3)
  expect(chunkSize(messagesOf(10, 999_990, 10))).toBe(2)
})

test('a message that fills a chunk alone goes alone', () => {
  expect(chunkSize(messagesOf(2_000_000, 10))).toBe(1)
})
