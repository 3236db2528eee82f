/** What an API process asked, from its start on. */
export interface Reads {
  /** Where a partition begins and ends, and each reading of it. */
  readonly broker: number
  /** Statements. */
  readonly database: number
}

export const topicName = 'bench-live'
