import { expect, test } from 'vitest'
import { checkStream } from './check-stream.ts'
import type { Stretch, Told } from './stream-record.ts'

const expected = new Map([
  ['a', [told('a', 1), told('a', 2), told('a', 5), told('a', 6)]],
  ['b', [told('b', 1)]],
])

test('the checker finds no fault with a client that got everything once, keys mixed', () => {
  expect(check({ from: 'all', events: events('a1', 'b1', 'a2', 'a5', 'a6') })).toEqual(nothing)
})

test('the checker sees what a client misses, doubles and gets in the wrong order', () => {
  expect(check({ from: 'all', events: events('a1', 'b1', 'a5', 'a6') }).lost).toEqual([expect.stringContaining('a 2')])
  expect(check({ from: 'all', events: events('a1', 'a2', 'a2', 'b1', 'a5', 'a6') }).duplicated).toHaveLength(1)
  expect(check({ from: 'all', events: events('a1', 'a5', 'a2', 'a6', 'b1') }).outOfOrder).toHaveLength(1)
  expect(check({ from: 'all', events: events('a1', 'a2', 'a3', 'a5', 'a6', 'b1') }).duplicated).toHaveLength(1)
})

test('after a state the checker wants exactly what the state does not show', () => {
  const from = new Map([['a', 2]])
  expect(check({ from, events: events('a5', 'b1', 'a6') })).toEqual(nothing)
  expect(check({ from, events: events('a2', 'a5', 'a6', 'b1') }).duplicated).toHaveLength(1)
  expect(check({ from, events: events('a6', 'b1') }).lost).toHaveLength(1)
})

test('a stretch that was left may end early, but not skip anything before', () => {
  const last: Stretch = { from: new Map([['a', 6]]), events: events('b1') }
  expect(check({ from: new Map(), events: events('a1', 'a2') }, last)).toEqual(nothing)
  expect(check({ from: new Map(), events: events('a2') }, last).lost).toHaveLength(1)
})

test('after a resync a client that only follows is checked from what it got first', () => {
  expect(check({ from: 'all', events: events('a1') }, { from: 'unknown', events: events('a5', 'a6') })).toEqual(nothing)
  expect(check({ from: 'unknown', events: events('a2', 'a6') }).lost).toHaveLength(1)
})

test('a state that nobody asked for is damage', () => {
  const stretches = [{ from: new Map([['a', 6]]), events: events('b1') }]
  expect(checkStream({ stretches, strayStates: 1 }, expected).duplicated).toHaveLength(1)
})

const nothing = { lost: [], duplicated: [], outOfOrder: [] }

function check(...stretches: Stretch[]) {
  return checkStream({ stretches, strayStates: 0 }, expected)
}

function events(...names: string[]): Told[] {
  return names.map((name) => told(name[0]!, Number(name.slice(1))))
}

function told(key: string, n: number): Told {
  return { id: `${key}${n}`, key, n }
}
