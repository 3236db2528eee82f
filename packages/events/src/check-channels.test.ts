import { expect, test } from 'vitest'
import { checkChannels } from './check-channels.ts'

test('texts are channels, however long, and none is fine', () => {
  for (const channels of [[], ['a'], ['order:42', 'x'.repeat(5_000)]])
    expect(checkChannels(channels, 'channels()')).toBe(channels)
})

test.each([
  [[42], 'channels() gave the number 42 as a channel.'],
  [['a', 7n], 'channels() gave the bigint 7n as a channel.'],
  [[undefined], 'channels() gave undefined as a channel.'],
  [[null], 'channels() gave null as a channel.'],
  [[''], 'channels() gave "" as a channel.'],
  [[['a']], 'channels() gave a value of type object as a channel.'],
  ['orders', 'channels() gave "orders". Give a list of texts such as ["order:42"]; [] for none.'],
  [undefined, 'channels() gave undefined. Give a list of texts'],
])('%# of what is no channel is refused: it says what was given and what to give', (channels, words) => {
  expect(() => checkChannels(channels, 'channels()')).toThrow(words)
  expect(() => checkChannels(channels, 'channels()')).toThrow(expect.objectContaining({ code: 'INVALID_CHANNEL' }))
})
