/** What of a value can't be kept: where it is, and what it is. */
export interface Unkept {
  /** Property names, indices and keys, from the outside in. */
  readonly path: readonly string[]
  /** `a Buffer`, `a function`, `the key "constructor"`. */
  readonly what: string
}

/**
 * `plain`: JSON says all of it. `typed`: it holds what JSON has no type for, and type notes do. Otherwise the first thing in
 * it that neither can keep.
 */
export type ValueKind = 'plain' | 'typed' | Unkept

/** Deeper values overflow the stack of a serialiser, first in browsers. A circle is endlessly deep. */
const maxDepth = 500

/** A value that is shared inside of another is written out at each place, so a small one may be endless as text. */
const maxValues = 2_000_000

/** Looks through a value, in one walk. The same rule for what is written and for what is read. */
export function kindOfValue(value: unknown): ValueKind {
  const walk: Walk = { isPlain: true, left: maxValues }
  return lookAt(value, 0, walk) ?? (walk.isPlain ? 'plain' : 'typed')
}

/** A path as code would write it behind `root`: `data.items[3].photo`. */
export function pathText(root: string, path: readonly string[]): string {
  const shown = path.slice(0, maxShown).map((name) => (/^[A-Za-z_$][\w$]*$/.test(name) ? `.${name}` : bracketed(name)))
  return `${root}${shown.join('')}${path.length > maxShown ? '…' : ''}`
}

/** Names of a path in a text. */
const maxShown = 12

interface Walk {
  isPlain: boolean
  left: number
}

function lookAt(value: unknown, depth: number, walk: Walk): Unkept | undefined {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return undefined
    case 'number':
      if (!Number.isFinite(value) || Object.is(value, -0)) walk.isPlain = false
      return undefined
    case 'bigint':
    case 'undefined':
      walk.isPlain = false
      return undefined
    case 'object':
      return value === null ? undefined : lookInto(value, depth, walk)
    default:
      return unkept(nameOf(value))
  }
}

function lookInto(value: object, depth: number, walk: Walk): Unkept | undefined {
  if (depth === maxDepth) return unkept(`nested deeper than ${maxDepth} levels, or holds itself`)
  if (--walk.left < 0) return unkept(`part of more than ${maxValues} values, or of one that holds itself`)
  if (Array.isArray(value)) return lookIntoArray(value, depth, walk)
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return lookIntoTyped(value, depth, walk)
  const record = value as Readonly<Record<string, unknown>>
  for (const key of Object.keys(record)) {
    if (isReserved(key)) return unkept(`an object with the key "${key}"`)
    const found = lookAt(record[key], depth + 1, walk)
    if (found) return within(key, found)
  }
  return undefined
}

function lookIntoArray(value: readonly unknown[], depth: number, walk: Walk): Unkept | undefined {
  if (Object.getPrototypeOf(value) !== Array.prototype) return unkept(nameOf(value))
  for (let index = 0; index < value.length; index++) {
    const item = value[index]
    if (item === undefined && !(index in value)) return within(String(index), unkept('an empty slot of an array'))
    const found = lookAt(item, depth + 1, walk)
    if (found) return within(String(index), found)
  }
  return undefined
}

/** What type notes can say. */
function lookIntoTyped(value: object, depth: number, walk: Walk): Unkept | undefined {
  walk.isPlain = false
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? unkept('an invalid Date') : undefined
  if (value instanceof Map) return lookIntoAll(value.entries(), depth, walk)
  if (value instanceof Set) return lookIntoAll(value.values(), depth, walk)
  if (value instanceof Error) return 'cause' in value ? lookIntoCause(value, depth, walk) : undefined
  const isKept = value instanceof RegExp || value instanceof URL || isKeptArray(value)
  return isKept ? undefined : unkept(nameOf(value))
}

/** Of a Map, each entry is a pair. */
function lookIntoAll(items: Iterable<unknown>, depth: number, walk: Walk): Unkept | undefined {
  let index = 0
  for (const item of items) {
    const found = lookAt(item, depth + 1, walk)
    if (found) return within(String(index), found)
    index++
  }
  return undefined
}

function lookIntoCause(error: Error, depth: number, walk: Walk): Unkept | undefined {
  const found = lookAt(error.cause, depth + 1, walk)
  return found && within('cause', found)
}

const keptArrays: ReadonlySet<unknown> = new Set([
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
])

/** Exactly one of these: a Buffer is a Uint8Array of its own class. */
function isKeptArray(value: object): boolean {
  return ArrayBuffer.isView(value) && keptArrays.has(value.constructor)
}

/** superjson refuses them, wherever they stand, because other programs may be fooled by them. */
export function isReserved(key: string): boolean {
  return key === 'constructor' || key === 'prototype' || key === '__proto__'
}

/** What a value is, with its article. */
export function nameOf(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (typeof value !== 'object') return `a ${typeof value}`
  const name: unknown = Object.getPrototypeOf(value)?.constructor?.name
  if (name === undefined || name === 'Object') return 'an object'
  return `${/^[AEIOU]/.test(String(name)) ? 'an' : 'a'} ${String(name)}`
}

function unkept(what: string): Unkept {
  return { path: [], what }
}

function within(name: string, { path, what }: Unkept): Unkept {
  return { path: [name, ...path], what }
}

function bracketed(name: string): string {
  return /^\d+$/.test(name) ? `[${name}]` : `[${JSON.stringify(name)}]`
}
