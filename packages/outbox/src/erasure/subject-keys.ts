import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto'
import type { Sql } from '@commitcast/worker'
import { KeyUnavailable, SubjectErased } from './errors.ts'
import { type KeyProvider, postgresKeys } from './key-provider.ts'
import { createShortMemory } from './short-memory.ts'

/** Keys by subject. One that was erased has none. */
export type Keys = ReadonlyMap<string, KeyObject>

/** The keys of subjects, of one process. Unwrapped keys stay in its memory for five seconds at most. */
export interface SubjectKeys {
  /**
   * The keys to encrypt with, in the transaction of `sql`: one query, and one more that makes those that are missing. What two
   * transactions make at once is one key: the second waits for the first to end. Throws `KeyUnavailable`, and
   * `SubjectErased` unless what was erased is to be left out.
   */
  toEncrypt(sql: Sql, subjects: ReadonlySet<string>, options?: { readonly leaveOutErased?: boolean }): Promise<Keys>
  /**
   * The keys to decrypt with, as they were at most five seconds ago: one query, or none. `isAfresh` reads them as `sql` sees them
   * now, which may be a transaction that made some, and remembers none. Throws `KeyUnavailable`.
   */
  toDecrypt(sql: Sql, subjects: ReadonlySet<string>, options?: { readonly isAfresh?: boolean }): Promise<Keys>
}

export interface SubjectKeysOptions {
  readonly schema: string
  /** Default `postgresKeys()`. */
  readonly keys?: KeyProvider | undefined
}

/** How long a process keeps what it unwrapped. */
const keptMs = 5_000
const mostKept = 10_000
const keyBytes = 32

export function createSubjectKeys({ schema, keys: provider = postgresKeys() }: SubjectKeysOptions): SubjectKeys {
  const { made, unwrap } = createWrapping(provider)
  const known = createShortMemory<KeyObject | undefined>({ keptMs, most: mostKept })

  const read = (sql: Sql, subjects: readonly string[]) =>
    sql.query<StoredKey>(
      `select subject, encode(wrapped, 'hex') as wrapped, erased_at is not null as "isErased"
       from ${schema}.subject_key where subject in (select json_array_elements_text($1::text::json))`,
      [JSON.stringify(subjects)],
    )
  /** In the order of the subjects, so that two transactions that make several wait for each other in one direction. */
  const make = async (sql: Sql, subjects: readonly string[]) => {
    const rows = await inTurns([...subjects].sort(), made)
    await sql.query(
      `insert into ${schema}.subject_key (subject, wrapped)
       select subject, decode(wrapped, 'hex') from json_to_recordset($1::text::json) as made(subject text, wrapped text)
       order by subject on conflict (subject) do nothing`,
      [JSON.stringify(rows)],
    )
  }

  return {
    async toEncrypt(sql, subjects, { leaveOutErased = false } = {}) {
      const keys = new Map<string, KeyObject>()
      const left = new Set(subjects)
      const add = async (rows: readonly StoredKey[]) => {
        for (const { subject, isErased } of rows) {
          if (isErased && !leaveOutErased) throw new SubjectErased(subject)
          left.delete(subject)
        }
        const living = rows.filter(({ isErased }) => !isErased)
        await inTurns(living, async (row) => keys.set(row.subject, await unwrap(row)))
      }
      await add(await read(sql, [...left]))
      if (left.size === 0) return keys
      await make(sql, [...left])
      // Another transaction may have made some of them.
      await add(await read(sql, [...left]))
      if (left.size === 0) return keys
      throw new Error(`The keys of ${[...left].join(', ')} were made and can't be read.`)
    },
    async toDecrypt(sql, subjects, { isAfresh = false } = {}) {
      const keys = new Map<string, KeyObject>()
      const asked: string[] = []
      for (const subject of subjects) {
        const key = isAfresh ? undefined : known.get(subject)
        if (key) keys.set(subject, key)
        else if (isAfresh || !known.has(subject)) asked.push(subject)
      }
      if (asked.length === 0) return keys
      const at = performance.now()
      const stored = new Map((await read(sql, asked)).map((row) => [row.subject, row]))
      await inTurns(asked, async (subject) => {
        const row = stored.get(subject)
        const key = row && !row.isErased ? await unwrap(row) : undefined
        if (key) keys.set(subject, key)
        if (row && !isAfresh) known.set(subject, key, at)
      })
      return keys
    },
  }
}

interface StoredKey {
  readonly subject: string
  /** In hex; null where it was erased. */
  readonly wrapped: string | null
  readonly isErased: boolean
}

/** Makes keys and unwraps stored ones by the provider; a stored one is unwrapped once in five seconds. */
function createWrapping(provider: KeyProvider) {
  const unwrapped = createShortMemory<KeyObject>({ keptMs, most: mostKept })
  return {
    async made(subject: string) {
      const key = randomBytes(keyBytes)
      const wrapped = await asked('wrap', subject, () => provider.wrap(key, subject))
      return { subject, wrapped: Buffer.from(wrapped).toString('hex') }
    },
    async unwrap({ subject, wrapped }: StoredKey): Promise<KeyObject> {
      const text = wrapped!
      const name = `${text} ${subject}`
      const kept = unwrapped.get(name)
      if (kept) return kept
      const at = performance.now()
      const bytes = await asked('unwrap', subject, () => provider.unwrap(Buffer.from(text, 'hex'), subject))
      if (bytes.length !== keyBytes) {
        throw new KeyUnavailable(
          `The key provider unwrapped ${bytes.length} bytes for the subject ${JSON.stringify(subject)}; a key has ${keyBytes}.`,
        )
      }
      const key = createSecretKey(bytes)
      unwrapped.set(name, key, at)
      return key
    },
  }
}

async function asked(what: 'wrap' | 'unwrap', subject: string, ask: () => Promise<Uint8Array>): Promise<Uint8Array> {
  try {
    return await ask()
  } catch (cause) {
    throw new KeyUnavailable(
      `The key provider could not ${what} the key of the subject ${JSON.stringify(subject)}: ${String(cause)}.`,
      { cause },
    )
  }
}

const atOnce = 20

/** A key management service bounds how many calls it takes at once. */
async function inTurns<TItem, TMade>(items: readonly TItem[], act: (item: TItem) => Promise<TMade>): Promise<TMade[]> {
  const made: TMade[] = []
  for (let from = 0; from < items.length; from += atOnce) {
    made.push(...(await Promise.all(items.slice(from, from + atOnce).map(act))))
  }
  return made
}
