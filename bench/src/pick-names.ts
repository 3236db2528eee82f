import { BadOption } from './options.ts'

/** Those of `names` that were asked for; all where `only` is undefined. Throws `BadOption` for one that there is not. */
export function pickNames(names: readonly string[], only: readonly string[] | undefined): ReadonlySet<string> {
  const unknown = only?.find((name) => !names.includes(name))
  if (unknown === undefined) return new Set(only ?? names)
  throw new BadOption(`--only ${JSON.stringify(unknown)}: there is no such row. There are ${names.join(', ')}.`)
}
