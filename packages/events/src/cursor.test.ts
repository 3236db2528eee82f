import { expect, test } from 'vitest'
import { decodeCursor, encodeCursor } from './cursor.ts'

test.each([
  { epoch: 1, offsets: [0] },
  { epoch: 40, offsets: [1, 0, 9_007_199_254_740_991, 36] },
  { epoch: 2, offsets: [5, 6], snapshot: '100:105:100,103' },
  { epoch: 2, offsets: [5, 6], snapshot: '100:100:' },
  { epoch: 2, offsets: [5, 6], snapshot: '100:105:100,103', timeline: 40 },
])('a cursor survives its text: %j', (cursor) => {
  expect(decodeCursor(encodeCursor(cursor))).toEqual(cursor)
})

test.each([
  '',
  '1',
  '2.1.0',
  '1.1.',
  '1.1.-1',
  '1.1.1--2',
  '1.1.zzzzzzzzzzz',
  'x'.repeat(100_000),
  undefined,
  7,
  {},
  '1.1.1.;drop',
])('what is no cursor is none, without a throw: %j', (text) => {
  expect(decodeCursor(text)).toBeUndefined()
})
