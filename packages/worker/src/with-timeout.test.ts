import { expect, test } from 'vitest'
import { isOutage } from './is-outage.ts'
import { withTimeout } from './with-timeout.ts'

const never = () => new Promise<never>(() => {})

test('work that ends in time gives its result, or its own error', async () => {
  await expect(withTimeout(async () => 7, { ms: 1_000, what: 'It' })).resolves.toBe(7)
  const failing = async () => {
    throw new TypeError('its own')
  }
  await expect(withTimeout(failing, { ms: 1_000, what: 'It' })).rejects.toThrow(TypeError)
})

test('work that takes longer is named and aborted, and is an outage only where the caller says so', async () => {
  let ended: AbortSignal | undefined
  const work = (signal: AbortSignal) => {
    ended = signal
    return never()
  }
  const late = withTimeout(work, { ms: 5, what: 'The look-up', advice: 'Raise timeoutMs.' })
  await expect(late).rejects.toThrow('The look-up took longer than 5 ms. Raise timeoutMs.')
  expect(ended?.aborted).toBe(true)
  expect(isOutage(await late.catch((error: unknown) => error))).toBe(false)
  const outage = withTimeout(never, { ms: 5, what: 'The look-up', code: 'ETIMEDOUT' })
  expect(isOutage(await outage.catch((error: unknown) => error))).toBe(true)
})

test("an abort ends the wait with the signal's reason, and work is not begun after it", async () => {
  const stopping = new AbortController()
  const waiting = withTimeout(never, { ms: 60_000, what: 'It', signal: stopping.signal })
  stopping.abort(new Error('stopped'))
  await expect(waiting).rejects.toThrow('stopped')
  let isCalled = false
  const work = async () => {
    isCalled = true
  }
  await expect(withTimeout(work, { ms: 60_000, what: 'It', signal: stopping.signal })).rejects.toThrow('stopped')
  expect(isCalled).toBe(false)
})
