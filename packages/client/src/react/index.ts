/**
 * Hooks for React, on `@commitcast/client`.
 * @module
 */
export type { Reducers } from '../reducers.ts'
export { useConnection } from './use-connection.ts'
export {
  type LiveMutation,
  type LiveMutationOptions,
  type MutationProcedure,
  useLiveMutation,
} from './use-live-mutation.ts'
export { type LiveQuery, type LiveQueryOptions, useLiveQuery } from './use-live-query.ts'
