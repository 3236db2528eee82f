/**
 * One numbered step of the schema: its tables, columns, indexes and triggers. What has landed never changes again; functions
 * have a folder of their own, `functions`.
 */
export interface Migration {
  readonly version: number
  readonly name: string
  sql(schema: string, options: NewTopic): string
}

/** What the tables are made with. Later it is `topic` that says so. */
export interface NewTopic {
  readonly partitions: number
  readonly maxEventBytes: number
}
