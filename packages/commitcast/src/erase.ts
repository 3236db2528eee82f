import type { EventCatalog } from '@commitcast/events'
import {
  type Append,
  checkTransaction,
  eraseSubject,
  type NewEvent,
  sqlIn,
  type TransactionLike,
} from '@commitcast/outbox'
import type { Kysely } from 'kysely'

export interface EraseOptions<TCatalog extends EventCatalog> {
  /** The caller's transaction: the subject is erased if and only if it commits. Default one of its own. */
  readonly trx?: TransactionLike
  /** What says so to projections and screens. Appended in the same transaction, and only where the subject was not erased before. */
  readonly event?: NewEvent<TCatalog>
}

/**
 * Erases a subject for ever: destroys its key, so that its personal fields can't be read any more, wherever their events are. Says
 * whether it was not erased before. Events, offsets and order stay; readers get `Erased`, within five seconds in processes that
 * have the key in memory. An event that is appended for the subject later is refused with `SubjectErased`.
 *
 * Throws `InvalidEvent` for a subject that is no text of 1 to 500 characters, and what `append` throws.
 */
export type Erase<TCatalog extends EventCatalog> = (
  subject: string,
  options?: EraseOptions<TCatalog>,
) => Promise<boolean>

export interface CreateEraseOptions<TCatalog extends EventCatalog, TDatabase> {
  readonly db: Kysely<TDatabase>
  readonly schema: string
  readonly append: Append<TCatalog>
}

export function createErase<TCatalog extends EventCatalog, TDatabase>({
  db,
  schema,
  append,
}: CreateEraseOptions<TCatalog, TDatabase>): Erase<TCatalog> {
  return async (subject, { trx, event } = {}) => {
    const eraseIn = async (transaction: TransactionLike) => {
      const isNew = await eraseSubject(sqlIn(transaction), { schema, subject })
      if (isNew && event) await append(transaction, [event])
      return isNew
    }
    if (!trx) return db.transaction().setIsolationLevel('read committed').execute(eraseIn)
    checkTransaction(trx, { what: 'erase', parts: 'the erasure and its event' })
    return eraseIn(trx)
  }
}
