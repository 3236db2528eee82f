import { expect, test } from 'vitest'
import { hubLimitsWithDefaults } from './hub-limits.ts'

test('limits that are not given have defaults', () => {
  const { maxCatchUp, maxRingBytes } = hubLimitsWithDefaults({ maxCatchUp: 5 })
  expect([maxCatchUp, maxRingBytes]).toEqual([5, 64 * 1024 * 1024])
})

test.each([{ maxCatchUp: -1 }, { prime: 1.5 }, { maxRingBytes: Number.POSITIVE_INFINITY }])(
  'a limit that is none is refused with its name and value (%j)',
  (limits) => {
    const [[name, value]] = Object.entries(limits) as [[string, number]]
    expect(() => hubLimitsWithDefaults(limits)).toThrow(`hub.${name} is ${value}`)
  },
)
