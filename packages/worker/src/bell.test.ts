import { expect, test } from 'vitest'
import { createBell } from './bell.ts'

test('a ring ends the wait; one before it is kept, once', async () => {
  const bell = createBell()
  const waiting = bell.wait(60_000)
  bell.ring()
  expect(await waiting).toBe(true)
  bell.ring()
  bell.ring()
  expect(await bell.wait(60_000)).toBe(true)
  expect(await bell.wait(1)).toBe(false)
})

test('an abort ends the wait without a ring', async () => {
  const bell = createBell()
  const stopping = new AbortController()
  const waiting = bell.wait(60_000, stopping.signal)
  stopping.abort()
  expect(await waiting).toBe(false)
  expect(await bell.wait(60_000, stopping.signal)).toBe(false)
})
