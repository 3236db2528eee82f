import pg from 'pg'
import { InvalidAddress, invalidAddress } from '../address.ts'

const example = 'postgres://user:password@127.0.0.1:5432/shop'

/** Throws `InvalidAddress` for a connection string that `pg` can't read, or reads as one of Postgres though it is none. */
export function checkPostgresAddress(text: string): void {
  if (typeof text !== 'string' || text === '') {
    throw new InvalidAddress(`The address of the database is missing: take one like ${example}.`)
  }
  if (!/^(postgres(ql)?:\/\/|socket:|\/)/i.test(text)) throw invalidAddress(text, { example })
  try {
    new pg.Client({ connectionString: text })
  } catch (cause) {
    throw invalidAddress(text, { example, cause })
  }
}
