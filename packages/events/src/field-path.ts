import { nameOf } from './check-value.ts'

/** Reads what stands at a path such as `address.street`; `undefined` where a part of it is missing. Throws `TypeError` where a part is no plain object. */
export function readField(data: unknown, path: string): unknown {
  let value = data
  for (const name of path.split('.')) {
    if (value === undefined || value === null) return undefined
    value = partsOf(value, path)[name]
  }
  return value
}

/** A copy of `data` with another value at a path that `readField` found something at. The parts beside the path are shared. */
export function withField(data: unknown, path: string, value: unknown): unknown {
  const [name, ...rest] = path.split('.') as [string, ...string[]]
  const parts = partsOf(data, path)
  return { ...parts, [name]: rest.length === 0 ? value : withField(parts[name], rest.join('.'), value) }
}

function partsOf(value: unknown, path: string): Readonly<Record<string, unknown>> {
  const prototype: unknown = typeof value === 'object' && value !== null ? Object.getPrototypeOf(value) : undefined
  if (prototype === Object.prototype || prototype === null) return value as Record<string, unknown>
  throw new TypeError(`"${path}" leads through ${nameOf(value)}, and has to lead through plain objects`)
}
