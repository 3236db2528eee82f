import { TRPCClientError } from '@trpc/client'
import { expect, test } from 'vitest'
import { errorWords, isPassing, isUnanswered } from './error-words.ts'

function refusal(code: string, message = 'as the API says it') {
  return TRPCClientError.from({ error: { message, code: -32_000, data: { code } } })
}

test('an answer with a code has words of this page', () => {
  expect(errorWords(refusal('CONFLICT'))).toContain('moved on already')
  expect(errorWords(refusal('INTERNAL_SERVER_ERROR', 'relation "x" does not exist'))).not.toContain('relation')
})

test('what was not found has the words of the API', () => {
  expect(errorWords(refusal('NOT_FOUND', 'There is no book 7.'))).toBe('There is no book 7.')
})

test('a call that got lost on the way is unanswered', () => {
  const lost = TRPCClientError.from(new TypeError('Failed to fetch'))
  expect(isUnanswered(lost)).toBe(true)
  expect(errorWords(lost)).toBe('The shop did not answer.')
  expect(isUnanswered(refusal('CONFLICT'))).toBe(false)
})

test('only what got no answer and what broke may work later', () => {
  expect(isPassing(new TypeError('Failed to fetch'))).toBe(true)
  expect(isPassing(refusal('INTERNAL_SERVER_ERROR'))).toBe(true)
  expect(isPassing(refusal('BAD_REQUEST'))).toBe(false)
})
