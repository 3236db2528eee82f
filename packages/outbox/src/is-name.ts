/** Whether a value can be a key, the name of a scheduled event or the id of an instance: a text of 1 to 500 characters without NUL. */
export function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length >= 1 && value.length <= 500 && !value.includes('\0')
}
