/** An array as Postgres reads it from a text, for a parameter of any type of array. Null stays null. */
export function textArray(values: readonly unknown[]): string {
  return `{${values.map(toElement).join()}}`
}

function toElement(value: unknown): string {
  return value === null || value === undefined ? 'NULL' : `"${String(value).replace(/["\\]/g, '\\$&')}"`
}
