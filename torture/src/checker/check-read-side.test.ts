import { hash } from 'node:crypto'
import { expect, test } from 'vitest'
import { type Found, found } from './broker-log.ts'
import { checkChains } from './check-chains.ts'
import { checkEffects } from './check-effects.ts'
import { checkLive } from './check-live.ts'

const tables = { owner: new Map([['hot', 100]]), tint: new Map([[1, { name: 'red' }]]) }
const ledger = [1, 2, 3].map((n) => ({ id: `e${n}`, key: 'hot-1', n }))
const events = [[event(1), event(2), event(3)]]
const live = [[told(1, { owner: 100, tint: { name: 'red' } }), told(2), told(3)]]

test('the checker finds no fault with live messages that say what they should', () => {
  expect(checkLive(of(live))).toEqual({ lost: [], duplicated: [], outOfOrder: [] })
})

test('the checker misses a live message that is missing, or has the wrong metadata', () => {
  expect(checkLive(of([live[0]!.slice(0, 2)])).lost).toHaveLength(1)
  expect(checkLive(of([[told(1, { owner: 100 }), ...live[0]!.slice(1)]])).lost).toHaveLength(1)
})

test('the checker sees an event that is told twice, elsewhere, or another way than before', () => {
  const [one, two, three] = live[0]!
  expect(checkLive(of([[one!, two!, three!, { ...three!, offset: 4 }]]))).toMatchObject({
    duplicated: [expect.stringContaining('event e3 is also told')],
    outOfOrder: [expect.stringContaining('offset 4')],
  })
  expect(checkLive(of([[one!, { ...three!, offset: 2 }, { ...two!, offset: 3 }]])).outOfOrder).toHaveLength(2)
  const seen = [[undefined, told(1), two, three]]
  expect(checkLive({ ...of(live), seen }).duplicated).toHaveLength(1)
})

test('the checker sees a chain that missed, doubled or swapped an event', () => {
  const drift = (...ids: string[]) => checkChains(events, { chains: [chainOf(ids)], derived: [] })
  expect(drift('e1', 'e2', 'e3')).toEqual([])
  expect(drift('e1', 'e3')).toHaveLength(1)
  expect(drift('e1', 'e2', 'e2', 'e3')).toHaveLength(1)
  expect(drift('e2', 'e1', 'e3')).toHaveLength(1)
  expect(checkChains(events, { chains: [], derived: [] })).toHaveLength(1)
})

test('the checker sees an event of the projection that is missing, or there twice', () => {
  const cause = [event(20), { ...event(20), offset: 21, id: 'd', type: 'thing.derived' }]
  const derived = (count: number) =>
    checkChains([cause], { chains: [], derived: Array.from({ length: count }, () => ({ cause: 'e20', id: 'd' })) })
  const drifted = (count: number) => derived(count).filter((words) => words.includes('led to'))
  expect([0, 1, 2].map((count) => drifted(count).length)).toEqual([1, 0, 1])
})

test('the checker forgives an effect that is repeated, and none that never came or came too late', () => {
  expect(checkEffects(ledger, ['e1', 'e2', 'e1', 'e2', 'e3'])).toEqual({ missed: [], repeated: 2 })
  expect(checkEffects(ledger, ['e1', 'e2']).missed).toHaveLength(1)
  expect(checkEffects(ledger, ['e1', 'e3', 'e2']).missed).toHaveLength(1)
})

function of(messages: readonly (readonly Found[])[]) {
  return { events, live: messages, seen: [[]], changed: [], tables }
}

function event(n: number): Found {
  const texts = { id: `e${n}`, key: 'hot-1', type: 'thing.happened', body: `{"n":${n}}`, channels: undefined }
  return found(n, { ...texts, others: [] })
}

function told(n: number, metadata: object = { owner: 100 }): Found {
  const body = JSON.stringify({ data: { n }, metadata })
  const texts = { id: `e${n}`, key: 'hot-1', type: 'thing.happened', body, channels: '["key:hot-1"]' }
  return found(n, { ...texts, others: [] })
}

function chainOf(ids: readonly string[]) {
  const chain = ids.reduce((before, id) => hash('md5', `${before}${id}`), '')
  return { key: 'hot-1', count: ids.length, n: 3, chain }
}
