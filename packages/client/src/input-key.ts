/** A text that differs where inputs do, also those that JSON has no word for. */
export function inputKey(input: unknown): string | undefined {
  return JSON.stringify(input, (_key, value: unknown) => {
    if (typeof value === 'bigint') return `${value}n`
    return value instanceof Map || value instanceof Set ? [...value] : value
  })
}
