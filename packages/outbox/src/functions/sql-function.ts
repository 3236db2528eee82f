/** A function of the schema. `migrate` replaces it where it differs. */
export interface SqlFunction {
  /** Its name and the types of its arguments, as `drop function` takes them. */
  readonly signature: string
  /** The statement `create or replace function`. `{partitions}` and `{max_event_bytes}` stand for what `topic` says. */
  sql(schema: string): string
}
