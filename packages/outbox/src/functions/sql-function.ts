/** A function of the schema. `migrate` replaces it where it differs. */
export interface SqlFunction {
  /** Its name and the types of its arguments, as `drop function` takes them. */
  readonly signature: string
  /** The statement `create or replace function`. */
  sql(schema: string): string
}
