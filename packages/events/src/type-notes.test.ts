import { expect, test } from 'vitest'
import { InvalidValue } from './errors.ts'
import { noteTypes, restoreTypes } from './type-notes.ts'

function roundTrip(value: unknown): unknown {
  const { json, notes } = JSON.parse(JSON.stringify(noteTypes(value))) as ReturnType<typeof noteTypes>
  return restoreTypes(json, notes)
}

function nested(levels: number, inside: unknown = 0): unknown {
  let value = inside
  for (let level = 0; level < levels; level++) value = level % 2 ? [value] : { in: value }
  return value
}

const shared = { at: new Date(1) }

test.each<[string, unknown]>([
  ['null', null],
  ['undefined', undefined],
  ['a text with NUL and half of a surrogate pair', 'a\0b\ud83d'],
  ['numbers that JSON does not know', [-0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]],
  ['large numbers', { a: 2n ** 80n, b: Number.MAX_SAFE_INTEGER, c: 5e-324, d: 1.7976931348623157e308 }],
  ['dates in a row and deep inside', { at: new Date(0), in: [{ 'a.b': new Date(1) }] }],
  ['a row with a property that is undefined', { a: undefined, b: 1 }],
  ['a Map, a Set, a RegExp and a URL', [new Map([['x', new Set([1])]]), /a.b/gi, new URL('https://a.example/?b=1')]],
  ['Dates in a Set and as keys', [new Set([new Date(1), new Date(2)]), new Map([[new Date(1), new Date(2)]])]],
  ['a Map in a Map', new Map([[1, new Map([['at', new Date(3)]])]])],
  ['typed arrays', { a: new Uint8Array([1, 255]), b: new Float32Array([0.5]), c: new Int32Array(0) }],
  ['the same value twice', { left: shared, right: shared }],
  ['500 levels of plain values', nested(499)],
  ['500 levels with a Date', nested(498, { at: new Date(0) })],
  ['keys with dots, backslashes, and none', { 'a.b': new Date(1), 'c\\d': 1n, '': { e: undefined } }],
])('%s is read back unchanged', (_, value) => {
  expect(roundTrip(value)).toEqual(value)
})

test.each<[string, unknown, RegExp]>([
  ['a Buffer', { photo: Buffer.from('x') }, /^the value\.photo is a Buffer,.*base64/],
  ['an ArrayBuffer', [new ArrayBuffer(2)], /^the value\[0\] is an ArrayBuffer/],
  ['a DataView', new DataView(new ArrayBuffer(2)), /is a DataView/],
  ['an array of BigInts', { a: new BigInt64Array(1) }, /\.a is a BigInt64Array/],
  ['a typed array that holds NaN', { a: new Float64Array([Number.NaN]) }, /the value\.a\[0\] is a number/],
  ['a function', { on: () => {} }, /\.on is a function/],
  ['a symbol', { s: Symbol('x') }, /\.s is a symbol/],
  ['a promise', { 'to come': Promise.resolve() }, /the value\["to come"\] is a Promise/],
  ['an invalid Date', { at: new Date(Number.NaN) }, /\.at is an invalid Date/],
  ['a Date of a class of its own', { at: new (class Day extends Date {})(0) }, /\.at is a Day/],
  ['an instance of a class', { total: new (class Money {})() }, /\.total is a Money/],
  ['an Error of a class', { error: new TypeError('x') }, /\.error is a TypeError/],
  ['an Error that carries more', { error: Object.assign(new Error('x'), { status: 1 }) }, /\.error is an Error/],
  ['an empty slot', { list: new Array(1) }, /\.list\[0\] is an empty slot of an array/],
  [
    'a key that superjson refuses',
    { a: [{ constructor: 'ACME' }] },
    /\.a\[0\] is an object with the key "constructor"/,
  ],
  ['the key __proto__', JSON.parse('{"a":{"__proto__":1}}'), /\.a is an object with the key "__proto__"/],
  ['501 levels', nested(501), /^the value\.in\[0\]\.in.*… is nested deeper than 500 levels/],
  ['a value in a WeakMap', { a: new WeakMap() }, /\.a is a WeakMap/],
])('%s is refused, with its place', (_, value, words) => {
  expect(() => noteTypes(value)).toThrow(words)
  expect(() => noteTypes(value)).toThrow(InvalidValue)
})

test('of an Error the name, the message and the cause are read back', () => {
  const back = roundTrip({ error: new Error('no', { cause: { at: new Date(2) } }) }) as { error: Error }
  expect(back.error).toBeInstanceOf(Error)
  expect(back.error).toMatchObject({ name: 'Error', message: 'no', cause: { at: new Date(2) } })
})

test('a value that holds itself is refused, however often it does', () => {
  const one: { self?: unknown } = {}
  one.self = one
  const many: { a?: unknown; b?: unknown } = {}
  Object.assign(many, { a: many, b: many })
  expect(() => noteTypes(one)).toThrow(/holds itself/)
  expect(() => noteTypes(many)).toThrow(/holds itself/)
})

test('what an application registers with the global superjson makes no difference', async () => {
  const { default: superjson } = await import('superjson')
  class Money {
    readonly cents = 5
  }
  superjson.registerClass(Money)
  superjson.registerCustom<Buffer, string>(
    {
      isApplicable: (value): value is Buffer => Buffer.isBuffer(value),
      serialize: (value) => value.toString('base64'),
      deserialize: (text) => Buffer.from(text, 'base64'),
    },
    'Buffer',
  )
  expect(() => noteTypes({ total: new Money() })).toThrow(/\.total is a Money/)
  expect(() => noteTypes({ photo: Buffer.from('x') })).toThrow(/\.photo is a Buffer/)
})

test('plain values have no notes and are not copied', () => {
  const value = { a: [1, 'x', null, { b: true }] }
  expect(noteTypes(value)).toEqual({ json: value })
  expect(noteTypes(value).json).toBe(value)
})
