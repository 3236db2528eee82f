import { expect, test } from 'vitest'
import { errorText } from './error-text.ts'

test('an error text can be stored whatever is in it: NUL, half a surrogate pair, megabytes', () => {
  expect(errorText(new Error('a\0b'))).toBe('ab')
  expect(errorText(new Error('half \ud83d'))).toBe('half \ufffd')
  expect(errorText(new Error(`${'x'.repeat(1_999)}\u{1f600}`))).toBe(`${'x'.repeat(1_999)}\ufffd`)
  expect(errorText(new Error('x'.repeat(5_000_000)))).toHaveLength(2_000)
})

test('what is thrown need not be an error, nor have a text', () => {
  expect(errorText('plain words')).toBe('plain words')
  expect(errorText(undefined)).toBe('undefined')
  expect(errorText(Object.create(null))).toBe('An error that has no text.')
  expect(errorText(Object.assign(new Error(), { message: { code: 1 } }))).toBe('[object Object]')
  expect(errorText(new TypeError())).toBe('TypeError')
})
