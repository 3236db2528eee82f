import { expect, test } from 'vitest'
import { textArray } from './text-array.ts'

test('an array is written as Postgres reads one: each element quoted, null not', () => {
  expect(textArray([])).toBe('{}')
  expect(textArray([1, 2n, null, undefined, true])).toBe('{"1","2",NULL,NULL,"true"}')
  expect(textArray(['', 'NULL', 'a,b', '{"c": "\\d"}'])).toBe('{"","NULL","a,b","{\\"c\\": \\"\\\\d\\"}"}')
})
