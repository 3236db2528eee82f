import { expect, test } from 'vitest'
import { inputKey } from './input-key.ts'

test('inputs that differ have keys that differ, also where JSON has no word for them', () => {
  const inputs = [
    undefined,
    null,
    1,
    1n,
    '1',
    '1n',
    'null',
    [1],
    [[1]],
    ['a', 1],
    [['a', 1]],
    ['a,1'],
    {},
    { a: undefined },
    { a: 1 },
    { a: 1n },
    new Map([['a', 1]]),
    new Map([['a', 2]]),
    new Map([['a', new Map()]]),
    new Set(['a']),
    ['a'],
    new Set([1n]),
    { a: new Set() },
    new Date(1),
    new Date(2),
    new Date(1).toISOString(),
    new URL('http://a/'),
    new URL('http://b/'),
    /a/,
    /b/g,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    true,
    Object.assign(Object.create(null), { b: 1 }),
  ]
  expect(new Set(inputs.map(inputKey)).size).toBe(inputs.length)
  expect(inputKey(new Map([['a', 1]]))).toBe(inputKey(new Map([['a', 1]])))
  expect(inputKey({ a: 1, b: [2n] })).toBe(inputKey({ b: [2n], a: 1 }))
})
