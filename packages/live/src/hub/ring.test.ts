import { expect, test } from 'vitest'
import { createRing, type RingEntry } from './ring.ts'

function entry(partition: number, offset: number, channels: string[], bytes = 10) {
  const unused = { message: {}, decoder: {}, keeper: {} } as Pick<RingEntry, 'message' | 'decoder' | 'keeper'>
  return { ...unused, partition, offset, channels, bytes, tx: 1n, heads: [], cursor: '' }
}

test('entries are found by channel, in the order they came, each once', () => {
  const ring = createRing({ starts: [0, 0], maxBytes: 1_000 })
  ring.add(entry(0, 1, ['a', 'b']))
  ring.add(entry(1, 1, ['b', 'b']))
  ring.add(entry(0, 2, ['c']))
  ring.add(entry(0, 3, ['a']))
  const places = (channels: string[], seq = 0, limit = 10) =>
    ring.read(channels, seq, limit).map((found) => `${found.partition}/${found.offset}`)
  expect(places(['a'])).toEqual(['0/1', '0/3'])
  expect(places(['a', 'b'])).toEqual(['0/1', '1/1', '0/3'])
  expect(places(['a', 'b'], 1)).toEqual(['1/1', '0/3'])
  expect(places(['a', 'b'], 0, 2)).toEqual(['0/1', '1/1'])
  expect(places(['nobody'])).toEqual([])
})

test('it keeps within its bytes, and says up to where each partition was dropped', () => {
  const ring = createRing({ starts: [5, 7], maxBytes: 100 })
  expect([ring.tail(0), ring.tail(1), ring.start]).toEqual([5, 7, 0])
  for (let offset = 6; offset < 206; offset++) ring.add(entry(0, offset, ['a']))
  expect(ring.read(['a'], 0, 1_000)).toHaveLength(10)
  expect([ring.tail(0), ring.tail(1), ring.start, ring.end]).toEqual([195, 7, 190, 200])
})

test('what was made of an entry counts, and the oldest make room for it', () => {
  const ring = createRing({ starts: [0], maxBytes: 100 })
  for (let offset = 1; offset <= 10; offset++) ring.add(entry(0, offset, ['a']))
  const [first, ...others] = ring.read(['a'], 0, 10)
  ring.grow(others.at(-1)!, 30)
  expect(ring.read(['a'], 0, 10).map(({ offset }) => offset)).toEqual([4, 5, 6, 7, 8, 9, 10])
  ring.grow(first!, 1_000)
  expect(ring.read(['a'], 0, 10)).toHaveLength(7)
})
