/**
 * For processes that append and do nothing else, such as serverless functions: no broker, no worker, no connection is loaded.
 * @module
 */
export {
  type Append,
  type AppendSql,
  type AppendStatement,
  type Command,
  causationOf,
  createAppend,
  createAppendSql,
  createOnce,
  type KeyProvider,
  KeyReused,
  KeyUnavailable,
  type KyselyLike,
  type NewEvent,
  type NewEventOf,
  NotInTransaction,
  type Once,
  type PgClientLike,
  postgresKeys,
  SubjectErased,
  type TransactionLike,
} from '@commitcast/outbox/append'
