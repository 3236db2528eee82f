import { expect, test } from 'vitest'
import { openFrame, payloadOf } from './ws-frame.ts'

test.each([
  [0, '8100'],
  [125, '817d'],
  [126, '817e007e'],
  [65_535, '817effff'],
  [65_536, '817f0000000000010000'],
])('the header of %d bytes is that of the RFC, and the payload is found behind it', (bytes, header) => {
  const { frame, at } = openFrame(bytes)
  expect(frame.subarray(0, at).toString('hex')).toBe(header)
  expect(payloadOf(frame)).toHaveLength(bytes)
})
