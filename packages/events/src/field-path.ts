import { nameOf } from './check-value.ts'

/**
 * Reads what stands at a path such as `['address', 'street']`; `undefined` where a part of it is missing. Throws `TypeError` where a
 * part is no plain object.
 */
export function readField(data: unknown, path: readonly string[]): unknown {
  let value = data
  for (const name of path) {
    if (value === undefined || value === null) return undefined
    const parts = partsOf(value, path)
    value = Object.hasOwn(parts, name) ? parts[name] : undefined
  }
  return value
}

/** A copy of `data` with another value at a path that `readField` found something at. The parts beside the path are shared. */
export function withField(data: unknown, [name, ...rest]: readonly string[], value: unknown): unknown {
  if (name === undefined) return value
  const parts = partsOf(data, [name, ...rest])
  return { ...parts, [name]: withField(parts[name], rest, value) }
}

function partsOf(value: unknown, path: readonly string[]): Readonly<Record<string, unknown>> {
  const prototype: unknown = typeof value === 'object' && value !== null ? Object.getPrototypeOf(value) : undefined
  if (prototype === Object.prototype || prototype === null) return value as Record<string, unknown>
  throw new TypeError(`"${path.join('.')}" leads through ${nameOf(value)}, and has to lead through plain objects`)
}
