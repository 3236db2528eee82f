import { InvalidValue, type Noted, noteTypes } from '@commitcast/events'
import type { Sql } from '@commitcast/worker'
import { checkTransaction } from '../append.ts'
import { checkSubject } from '../erasure/check-subject.ts'
import { decodeValue } from '../erasure/encrypt-fields.ts'
import { decryptText, encryptText, type FieldPlace } from '../erasure/field-cipher.ts'
import type { KeyProvider } from '../erasure/key-provider.ts'
import { createSubjectKeys, type SubjectKeys } from '../erasure/subject-keys.ts'
import { checkSchemaName, defaultSchema } from '../schema-name.ts'
import { sqlIn, type TransactionLike } from '../sql-of.ts'
import type { Command } from './command.ts'
import { KeyReused } from './key-reused.ts'

/**
 * Does a command once per caller and idempotency key, and gives every later try the first one's answer: it is stored in the
 * transaction that is passed, with the state and the events. A try that comes while another runs waits for it to commit; where
 * that one rolled back, `act` runs here. A command without a key is simply done. The key of another caller is another command.
 *
 * Call it first in the transaction. What `act` throws is no answer: the transaction rolls back and the key is free again.
 * Answers may hold what events may (dates, maps), 256 KiB at most, and are kept for three days.
 *
 * Where an answer holds personal data, say whose: `{ personal: customerId }`. It is stored encrypted, and once the subject is erased a
 * later try throws `SubjectErased`.
 *
 * Throws `NotInTransaction` outside a transaction; `TypeError` for a caller that is no text; `KeyReused`, and does nothing, where the caller
 * sent the key before with another input;
 * `RangeError` for an answer that is too large, and `InvalidValue` for one that would not be read back unchanged. In a repeatable read transaction the second of two tries at once fails with SQLSTATE 40001: try it again.
 */
export type Once = <TAnswer>(
  transaction: TransactionLike,
  command: CalledCommand,
  act: () => Promise<TAnswer>,
  options?: { readonly personal?: string },
) => Promise<TAnswer>

/** What `once` needs to know of a command: `{ ...ctx.command, caller: ctx.userId }`. */
interface CalledCommand extends Pick<Command, 'key' | 'fingerprint' | 'causationId'> {
  readonly id?: string
  /**
   * Who sent it, as the server knows it: the id of the user who is signed in, else of the session, never a value of the input.
   * A caller that sends the key of another caller does a command of its own.
   */
  readonly caller: string
}

export interface OnceOptions {
  /** Default `commitcast`. */
  readonly schema?: string
  /** Guards the keys of answers with personal data. Default `postgresKeys()`. */
  readonly keys?: KeyProvider
  /** The process's own, in place of `keys`. */
  readonly subjectKeys?: SubjectKeys
}

/** Makes `once` for a schema. */
export function createOnce({ schema: name = defaultSchema, keys, subjectKeys }: OnceOptions = {}): Once {
  const schema = checkSchemaName(name)
  const answerKeys = subjectKeys ?? createSubjectKeys({ schema, keys })
  return async (transaction, command, act, { personal } = {}) => {
    const { caller, key: sent, id = sent, fingerprint = null, causationId = null } = command
    checkCaller(caller)
    checkTransaction(transaction, { what: 'once', parts: 'work and answer' })
    if (sent === undefined) return act()
    const key = JSON.stringify([caller, sent])
    const sql = sqlIn(transaction)
    const { query } = sql
    // A release before this one knew no callers: its answers count for the same key with the same input, so that a command which
    // was tried before a deployment is not done again after it.
    for (;;) {
      const mine = await query(
        `insert into ${schema}.answer (key, id, fingerprint, caused_by) select $1, $2, $3, $4
         where not exists (select from ${schema}.answer where key = $5 and fingerprint = $3)
         on conflict (key) do nothing returning key`,
        [key, id, fingerprint, causationId, sent],
      )
      if (mine.length > 0) break
      const [row] = await query<StoredAnswer>(
        `select fingerprint, answer from ${schema}.answer where key = $1
         union all select fingerprint, answer from ${schema}.answer where key = $2 and fingerprint = $3 limit 1`,
        [key, sent, fingerprint],
      )
      // None: retention took it since.
      if (row)
        return decodeValue(
          await decrypted(checkStored(row, { key: sent, fingerprint }), { key, sql, answerKeys }),
        ) as never
    }
    try {
      const answer = await act()
      const text = encode(answer)
      const stored = personal === undefined ? text : await encrypted(text, { key, sql, answerKeys, personal })
      await query(`update ${schema}.answer set answer = $2 where key = $1`, [key, stored])
      return answer
    } catch (error) {
      // For a caller that catches the error and commits; where the transaction has failed already, it is gone anyway.
      await query(`delete from ${schema}.answer where key = $1`, [key]).catch(() => {})
      throw error
    }
  }
}

function checkCaller(caller: unknown): void {
  if (typeof caller === 'string' && caller.length >= 1 && caller.length <= 500 && !caller.includes('\0')) return
  throw new TypeError(
    `once: the caller is ${JSON.stringify(caller)?.slice(0, 80)}: give the id of the user or the session that sent the command, a text of 1 to 500 characters.`,
  )
}

interface StoredAnswer {
  readonly fingerprint: string | null
  readonly answer: string | null
}

const maxAnswerBytes = 262_144

function encode(answer: unknown): string {
  const text = JSON.stringify(noteAnswer(answer))
  const bytes = Buffer.byteLength(text)
  if (bytes <= maxAnswerBytes) return text
  throw new RangeError(
    `once: the answer takes ${bytes} bytes, at most ${maxAnswerBytes} are kept: answer with an id, and let the client read the rest.`,
  )
}

function noteAnswer(answer: unknown): Noted {
  try {
    return noteTypes(answer)
  } catch (cause) {
    throw cause instanceof InvalidValue ? new InvalidValue(cause, { root: 'the answer', cause }) : cause
  }
}

function checkStored(row: StoredAnswer, { key, fingerprint }: { key: string; fingerprint: string | null }): string {
  if (row.fingerprint !== null && fingerprint !== null && row.fingerprint !== fingerprint) {
    throw new KeyReused(
      `The idempotency key ${JSON.stringify(key)} came before with another command: take a new key for each command, and the same for each try of one.`,
    )
  }
  if (row.answer !== null) return row.answer
  throw new TypeError(`once was called with the key ${JSON.stringify(key)} inside its own act: call it once.`)
}

interface AnswerKeys {
  /** Of the stored answer. */
  readonly key: string
  readonly sql: Sql
  readonly answerKeys: SubjectKeys
}

async function encrypted(
  text: string,
  { personal, key, sql, answerKeys }: AnswerKeys & { readonly personal: string },
): Promise<string> {
  const subject = checkSubject(personal, 'once: "personal"')
  const keys = await answerKeys.toEncrypt(sql, new Set([subject]))
  return JSON.stringify({ subject, encrypted: encryptText(text, keys.get(subject)!, placeOf(subject, key)) })
}

/** The text of an answer, which may be stored encrypted. Throws `SubjectErased`. */
async function decrypted(stored: string, { key, sql, answerKeys }: AnswerKeys): Promise<string> {
  const { subject, encrypted } = JSON.parse(stored) as { readonly subject?: string; readonly encrypted?: string }
  if (subject === undefined || encrypted === undefined) return stored
  const keys = await answerKeys.toEncrypt(sql, new Set([subject]))
  return decryptText(encrypted, keys.get(subject)!, placeOf(subject, key))
}

function placeOf(subject: string, key: string): FieldPlace {
  return { subject, id: key, field: 'answer' }
}
