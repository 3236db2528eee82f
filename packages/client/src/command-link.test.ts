import { expect, test } from 'vitest'
import { causedBy, commandContext, commandLink } from './command-link.ts'

const pass = commandLink()()

function sent(input: unknown, { type = 'mutation', context = {} }: { type?: string; context?: object } = {}) {
  return pass({ op: { type, input, context: { ...context } }, next: (op) => op }).input
}

test('each mutation gets an id and a key of its own, beside its input', () => {
  const [first, second] = [sent({ bookId: 1 }), sent({ bookId: 1 })] as { '~command': { id: string; key: string } }[]
  expect(first).toEqual({ bookId: 1, '~command': { id: expect.any(String), key: expect.any(String) } })
  const ids = [first!, second!].flatMap(({ '~command': { id, key } }) => [id, key])
  expect(new Set(ids).size).toBe(4)
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}$/)
})

test('a call may give ids of its own, and name the event that it answers', () => {
  const command = { id: 'c', key: 'k', correlationId: 'r' }
  expect(sent({}, { context: commandContext(command) })).toEqual({ '~command': command })
  expect(sent({}, { context: causedBy({ id: 'e' }) })).toMatchObject({ '~command': { causationId: 'e' } })
})

test.each([
  [undefined, []],
  [5, [5]],
  [null, [null]],
  [[1], [[1]]],
  [new Date(5), [new Date(5)]],
])('an input that is no plain object travels inside: %j', (input, args) => {
  expect(sent(input)).toEqual({ '~command': expect.objectContaining({ args }) })
})

test('queries, subscriptions and bodies are left as they are', () => {
  const form = new FormData()
  const bytes = new Uint8Array(1)
  expect(sent({ a: 1 }, { type: 'query' })).toEqual({ a: 1 })
  expect(sent({ a: 1 }, { type: 'subscription' })).toEqual({ a: 1 })
  expect(sent(form)).toBe(form)
  expect(sent(bytes)).toBe(bytes)
})
