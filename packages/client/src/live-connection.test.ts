import { expect, test } from 'vitest'
import { fullJitter, liveConnection } from './live-connection.ts'

test('clients that were cut off together come back apart, from the first try on', () => {
  for (const [attempt, bound] of [1, 2, 4, 8, 16, 30, 30].entries()) {
    const delays = Array.from({ length: 1_000 }, () => fullJitter(attempt) / 1_000)
    expect(Math.max(...delays)).toBeLessThanOrEqual(bound)
    const thirds = [0, 1, 2].map((third) => delays.filter((delay) => Math.floor((delay / bound) * 3) === third).length)
    for (const count of thirds) expect(count).toBeGreaterThan(200)
  }
})

test('what is given goes before the defaults, one by one', () => {
  const url = 'ws://shop'
  const { retryDelayMs, WebSocket: _, ...defaults } = liveConnection({ url })
  expect(defaults).toEqual({ url, keepAlive: { enabled: true, intervalMs: 10_000, pongTimeoutMs: 16_000 } })
  expect(retryDelayMs).toBe(fullJitter)
  const none = () => 0
  expect(liveConnection({ url, retryDelayMs: none, keepAlive: { enabled: true, intervalMs: 1 } })).toMatchObject({
    url,
    retryDelayMs: none,
    keepAlive: { enabled: true, intervalMs: 1, pongTimeoutMs: 16_000 },
  })
})
