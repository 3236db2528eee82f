import { expect, expectTypeOf, test } from 'vitest'
import { checkChannels } from './check-channels.ts'
import { defineChannels } from './define-channels.ts'

const channels = defineChannels({ orders: [], order: ['id'], seat: ['room', 'number'] })

test('a channel is its name and its ids', () => {
  const made = [channels.orders(), channels.order('42'), channels.seat('a', 7), channels.order(7n)]
  expect(made).toEqual(['orders', 'order:42', 'seat:a:7', 'order:7'])
  expect(checkChannels(made, 'channels()')).toBe(made)
  expectTypeOf(channels.orders()).toEqualTypeOf<'orders'>()
  expectTypeOf(channels.order('42')).toEqualTypeOf<`order:${string}`>()
})

test('two lists of ids are never one channel', () => {
  expect(channels.seat('a:b', 'c')).toBe('seat:a%3Ab:c')
  expect(channels.seat('a', 'b:c')).toBe('seat:a:b%3Ac')
  expect(channels.order('a%3Ab')).not.toBe(channels.order('a:b'))
})

test('a typo and a wrong number of ids do not compile; what JavaScript gives wrong is refused', () => {
  // @ts-expect-error there is no such channel
  expect(() => channels.odrer('42')).toThrow(TypeError)
  // @ts-expect-error an id is missing
  expect(() => channels.order()).toThrow(/channel order: id is undefined/)
  // @ts-expect-error no id, and no text
  expect(() => channels.order(null)).toThrow(/is null/)
  // @ts-expect-error one id too many
  expect(channels.orders('42')).toBe('orders')
  expect(() => channels.order('')).toThrow(expect.objectContaining({ code: 'INVALID_CHANNEL' }))
  expect(() => channels.order(Number.NaN)).toThrow(/Give a text that is not empty, or a number/)
  expect(() => defineChannels({ 'order:all': [] })).toThrow(/"order:all" can't be defined/)
})
