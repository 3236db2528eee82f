/** The SQLSTATE of a statement that fails under another isolation, and not in READ COMMITTED. */
const notSerializable = '40001'

/** Asks for what `createReadCommitted` has to know. */
export const defaultIsolationSql = `select current_setting('default_transaction_isolation') as isolation`

/**
 * Makes the function that has a statement run in READ COMMITTED: `plain` sends it as it is, `own` in a transaction of its own
 * that says so, which is needed where the default of the role or the database is another. The default is asked for once, and
 * again where a statement fails as under another one.
 */
export function createReadCommitted(readDefault: () => Promise<string | undefined>) {
  let isOther: Promise<boolean> | undefined
  const ask = async () => {
    try {
      return (await readDefault()) !== 'read committed'
    } catch (error) {
      isOther = undefined
      throw error
    }
  }
  return async <T>(plain: () => Promise<T>, own: () => Promise<T>): Promise<T> => {
    isOther ??= ask()
    try {
      return (await isOther) ? await own() : await plain()
    } catch (error) {
      if ((error as { code?: unknown }).code === notSerializable) isOther = undefined
      throw error
    }
  }
}
