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
  KeyReused,
  type KyselyLike,
  type NewEvent,
  NotInTransaction,
  type Once,
  type PgClientLike,
} from '@commitcast/outbox/append'
