import { homeSql } from '../epoch/home.ts'
import { newEpochFunction } from '../epoch/new-epoch-function.ts'
import type { Migration } from '../migrate.ts'

/** Which cluster and database an epoch of the topic was made on, and the way to a new one. */
export const epochs: Migration = {
  version: 4,
  name: 'epochs',
  sql: (s) => `${homeSql(s)}${newEpochFunction(s)}`,
}
