import { expect, test } from 'vitest'
import { isPlaceholder, toPlaceholder } from './placeholder.ts'

const message = {
  offset: 7,
  id: '0191f3a0-0000-7000-8000-000000000001',
  type: 'order.placed',
  key: 'o-1',
  time: '2026-01-01T00:00:00Z',
  tx: '42',
  headers: { actor: 'ada' },
  body: JSON.stringify({ text: 'x'.repeat(10_000) }),
}

test('a placeholder keeps the place and the id of what was refused, says its type, and is small', () => {
  const placeholder = toPlaceholder(message)
  expect(placeholder).toEqual({
    ...message,
    type: 'commitcast.refused',
    headers: {},
    body: '{"refused":"order.placed"}',
  })
  expect([isPlaceholder(message), isPlaceholder(placeholder)]).toEqual([false, true])
})
