/** The little that workers ask of a database: one statement with numbered parameters, its rows. */
export interface Sql {
  query<TRow>(text: string, values?: readonly unknown[]): Promise<TRow[]>
}
