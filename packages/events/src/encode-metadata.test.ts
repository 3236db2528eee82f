import { expect, test } from 'vitest'
import { createMetadataEncoder } from './encode-metadata.ts'
import { noteTypes, restoreTypes } from './type-notes.ts'

const shared = { at: new Date(1) }

test.each<[string, Record<string, unknown>]>([
  ['nothing', {}],
  ['plain values', { customer: { id: 'c', tags: ['a'], nested: { deep: null } }, count: 3, title: 'Emma' }],
  [
    'a Date at the top and inside',
    { since: new Date(0), customer: { born: new Date(3), lent: [{ at: new Date(4) }] } },
  ],
  ['a row with Dates, and a name with dots', { row: { id: 1, 'lent.at': new Date(8), born: new Date(9), gone: null } }],
  ['numbers that JSON does not know', { row: { a: -0, b: Number.NaN, c: Number.POSITIVE_INFINITY, d: undefined } }],
  ['what looks like a row', { a: Object.assign(Object.create(null), { at: new Date(1) }), b: new Map(), c: /x/g }],
  ['maps, sets and large numbers', { a: new Map([['x', new Date(5)]]), b: new Set([1n]), c: { d: undefined } }],
  ['kinds with dots and backslashes', { 'book.author': { born: new Date(6) }, 'a\\b': new Date(7) }],
  ['the same value in two kinds', { seller: shared, buyer: shared }],
  ['the same value twice in one kind', { pair: { left: shared, right: shared }, other: shared }],
])('%s are read back unchanged, for every event of a batch', (_, metadata) => {
  const encode = createMetadataEncoder()
  for (let event = 0; event < 2; event++) {
    const { json, notes } = encode(metadata)
    expect(restoreTypes(JSON.parse(json), notes === undefined ? undefined : JSON.parse(notes))).toEqual(metadata)
  }
})

test('a flat row is encoded as superjson encodes it', () => {
  const metadata = { row: { id: 1, name: 'Ada', since: new Date(0), 'a.b': new Date(1), left: null, isNew: true } }
  const { json, notes } = createMetadataEncoder()(metadata)
  const whole = noteTypes(metadata)
  expect(JSON.parse(json)).toEqual(whole.json)
  expect(restoreTypes(JSON.parse(json), JSON.parse(notes!))).toEqual(restoreTypes(whole.json, whole.notes))
})

test('plain metadata has no notes', () => {
  expect(createMetadataEncoder()({ a: 1, b: [{ c: 'x' }] })).toEqual({
    json: '{"a":1,"b":[{"c":"x"}]}',
    notes: undefined,
  })
})

test('a kind that would not be read back unchanged is left out, and says why; the others are there', () => {
  const encode = createMetadataEncoder()
  const photo = Buffer.from('x')
  for (let event = 0; event < 2; event++) {
    const { json, refused } = encode({ a: 1, photo, row: { constructor: 'ACME' }, f: () => {}, b: 2 })
    expect(json).toBe('{"a":1,"b":2}')
    expect([...refused!].map(([kind, error]) => error.describe(kind))).toEqual([
      expect.stringMatching(/^photo is a Buffer, which would not be read back unchanged: give its bytes as a text/),
      expect.stringMatching(/^row is an object with the key "constructor"/),
      expect.stringMatching(/^f is a function/),
    ])
  }
})
