import { expect, test } from 'vitest'
import { inputKey } from './input-key.ts'

test('inputs that differ have keys that differ, also where JSON has no word for them', () => {
  const inputs = [
    undefined,
    null,
    1,
    1n,
    '1',
    [1],
    { a: 1 },
    { a: 1n },
    new Map([['a', 1]]),
    new Set(['a']),
    new Date(1),
  ]
  expect(new Set(inputs.map(inputKey)).size).toBe(inputs.length)
  expect(inputKey(new Map([['a', 1]]))).toBe(inputKey(new Map([['a', 1]])))
})
