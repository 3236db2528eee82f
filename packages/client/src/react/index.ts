export { type LiveQuery, type Reducers, useLiveQuery } from './use-live-query.ts'
