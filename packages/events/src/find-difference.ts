import { nameOf, type Unkept } from './check-value.ts'

/**
 * Compares a value with what was read back: the first thing that is not equal, or `undefined`. Only what a value holds
 * counts, so an object without a prototype equals one with, and of an Error its name, its message and its cause.
 */
export function findDifference(given: unknown, back: unknown): Unkept | undefined {
  if (Object.is(given, back)) return undefined
  if (!isObject(given) || !isObject(back) || prototypeOf(given) !== prototypeOf(back)) return changed(given)
  const [parts, backParts] = [partsOf(given), partsOf(back)]
  if (parts.length !== backParts.length) return changed(given)
  for (const [index, [name, part]] of parts.entries()) {
    const [backName, backPart] = backParts[index]!
    if (name !== backName) return changed(given)
    const found = findDifference(part, backPart)
    if (found) return { path: [name, ...found.path], what: found.what }
  }
  return undefined
}

type Part = readonly [name: string, value: unknown]

/** What a value consists of, in an order that equal values share. */
function partsOf(value: object): readonly Part[] {
  if (value instanceof Date) return [['', value.getTime()]]
  if (value instanceof RegExp || value instanceof URL) return [['', String(value)]]
  if (value instanceof Map || value instanceof Set) return numbered(value)
  if (ArrayBuffer.isView(value)) return numbered(value as Uint8Array)
  if (value instanceof Error) return partsOfError(value)
  return Object.entries(value)
}

function numbered(values: Iterable<unknown>): Part[] {
  return Array.from(values, (value, index) => [String(index), value])
}

function partsOfError(error: Error): Part[] {
  const { name, message } = error
  const own = Object.entries(error).filter(([key]) => key !== 'cause' && key !== 'name' && key !== 'stack')
  return [['name', name], ['message', message], ...('cause' in error ? [['cause', error.cause] as const] : []), ...own]
}

function changed(given: unknown): Unkept {
  return { path: [], what: nameOf(given) }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function prototypeOf(value: object): unknown {
  return Object.getPrototypeOf(value) ?? Object.prototype
}
