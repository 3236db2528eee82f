import { checkSchemaName as check } from '@commitcast/worker'

/** Where Commitcast's tables live unless another schema is given. */
export const defaultSchema = 'commitcast'

/** Checks the name of the schema of Commitcast's tables, and returns it. Throws `RangeError`. */
export function checkSchemaName(schema: string): string {
  return check(schema, defaultSchema)
}
