import type { Logger } from '@commitcast/worker'
import type { TopicOptions } from '../broker.ts'
import type { Query } from './postgres-query.ts'
import type { Watch } from './postgres-watch.ts'

/** What the verbs of a topic work with. */
export interface Parts {
  readonly topic: TopicOptions
  readonly schema: string
  readonly query: Query
  readonly watch: Watch
  readonly closed: AbortSignal
  readonly maxAgeMs: number
  readonly logger: Pick<Logger, 'warn'>
}
