import { expect, test } from 'vitest'
import { isOutage, isTimeLimit } from './is-outage.ts'

const withCode = (code: string, options?: ErrorOptions) => Object.assign(new Error('it failed', options), { code })

test('what passes is an outage: a lost connection, a server that restarts, a failed serialisation', () => {
  for (const code of ['ECONNREFUSED', 'EPIPE', '08006', '57P01', '53300', '40001', '25P03', '25006']) {
    expect(isOutage(withCode(code)), code).toBe(true)
  }
})

test('an error that says that it is retryable is an outage, whatever its code is', () => {
  expect(isOutage(Object.assign(withCode('QUOTA_EXCEEDED'), { retryable: true }))).toBe(true)
  expect(isOutage(Object.assign(withCode('QUOTA_EXCEEDED'), { retryable: false }))).toBe(false)
  expect(isOutage(withCode('BROKER_UNAVAILABLE'))).toBe(false)
})

test('a mistake is none: a broken constraint, a bug', () => {
  expect(isOutage(withCode('23505'))).toBe(false)
  expect(isOutage(new TypeError('undefined is not a function'))).toBe(false)
  expect(isOutage('no error at all')).toBe(false)
})

test('an error that an outage caused is one, however often it was wrapped', () => {
  const wrapped = new TypeError('fetch failed', { cause: withCode('ECONNREFUSED') })
  expect(isOutage(wrapped)).toBe(true)
  expect(isOutage(new Error('can not send the mail', { cause: wrapped }))).toBe(true)
  expect(isOutage(new AggregateError([withCode('23505'), withCode('ECONNRESET')]))).toBe(true)
})

test('an error among its own causes ends', () => {
  const error = new Error('round and round')
  error.cause = error
  expect(isOutage(error)).toBe(false)
})

test('a time limit is no outage: it may be a lock that others hold, or the statement itself', () => {
  for (const code of ['55P03', '57014', '25P04']) {
    expect(isTimeLimit(new Error('wrapped', { cause: withCode(code) })), code).toBe(true)
    expect(isOutage(withCode(code)), code).toBe(false)
  }
  expect(isTimeLimit(withCode('57P01'))).toBe(false)
  expect(isTimeLimit('no error at all')).toBe(false)
})
