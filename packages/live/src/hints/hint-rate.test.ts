import { expect, test } from 'vitest'
import { createHintRate } from './hint-rate.ts'

function takeMany(rate: ReturnType<typeof createHintRate>, sender: string, count: number): number {
  return Array.from({ length: count }, () => rate.take(sender)).filter(Boolean).length
}

test('a sender has so many a second, and as many at once after a rest', () => {
  let ms = 0
  const rate = createHintRate({ perSecond: 5, now: () => ms })
  expect(takeMany(rate, 'ann', 9)).toBe(5)
  ms += 200
  expect(takeMany(rate, 'ann', 9)).toBe(1)
  ms += 60_000
  expect(takeMany(rate, 'ann', 9)).toBe(5)
})

test('each sender has a rate of its own', () => {
  const rate = createHintRate({ perSecond: 2, now: () => 0 })
  expect(takeMany(rate, 'ann', 5)).toBe(2)
  expect(takeMany(rate, 'bob', 5)).toBe(2)
})

test('who asks all the time gets the rate and no less', () => {
  let ms = 0
  const rate = createHintRate({ perSecond: 10, now: () => ms })
  let passed = 0
  for (; ms < 10_000; ms += 1) if (rate.take('ann')) passed++
  expect(passed).toBeGreaterThanOrEqual(100)
  expect(passed).toBeLessThanOrEqual(110)
})

test('only those who sent last are kept in mind', () => {
  const rate = createHintRate({ perSecond: 1, maxSenders: 2, now: () => 0 })
  expect(['ann', 'bob', 'cid', 'bob'].map(rate.take)).toEqual([true, true, true, false])
  expect(rate.take('ann')).toBe(true)
})
