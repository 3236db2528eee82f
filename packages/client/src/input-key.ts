/** A text that differs where inputs do, also those that JSON has no word for: whatever a transformer such as superjson takes. */
export function inputKey(input: unknown): string {
  if (typeof input === 'string') return JSON.stringify(input)
  if (typeof input === 'bigint') return `${input}n`
  if (typeof input !== 'object' || input === null) return String(input)
  if (Array.isArray(input)) return `[${input.map(inputKey)}]`
  const name = (input.constructor as { readonly name?: string } | undefined)?.name
  if (input instanceof Map || input instanceof Set) return `${name}[${[...input].map(inputKey)}]`
  if (input instanceof Date) return `${name} ${+input}`
  const fields = Object.keys(input).sort()
  const entries = fields.map((field) => `${JSON.stringify(field)}:${inputKey(input[field as keyof typeof input])}`)
  // A URL, a pattern or a moment has no fields, and says in words what it is.
  return name === 'Object' || !name ? `{${entries}}` : `${name} ${input}{${entries}}`
}
