/** Where Commitcast's tables live unless told otherwise. */
export const defaultSchema = 'commitcast'

/** Checks a schema's name, which is spliced into statements, and returns it. */
export function checkSchemaName(schema: string): string {
  if (/^[a-z_][a-z0-9_]{0,62}$/.test(schema)) return schema
  throw new RangeError(
    `The schema name ${JSON.stringify(schema)} can't be used: take lower-case letters, digits and "_", at most 63, ` +
      `not starting with a digit, for example "${defaultSchema}".`,
  )
}
