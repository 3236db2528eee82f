import { expect, test } from 'vitest'
import { defaultLimits, limitsWithDefaults } from './limits.ts'

test('limits that nobody set have their defaults', () => {
  expect(limitsWithDefaults({ maxSocketsPerUser: 3 })).toEqual({ ...defaultLimits, maxSocketsPerUser: 3 })
})

test.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('%d is no limit', (value) => {
  expect(() => limitsWithDefaults({ authenticateMs: value })).toThrow('limits.authenticateMs is')
})
