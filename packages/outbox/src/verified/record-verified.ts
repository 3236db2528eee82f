import { randomBytes } from 'node:crypto'
import type { Sql } from '@commitcast/worker'

/** Whose partition was compared: the relay's lease, and the server that it compared on. */
export interface VerifiedAt {
  readonly sql: Sql
  readonly schema: string
  readonly topic: { readonly epoch: number }
  readonly partition: number
  readonly term: bigint
  readonly server: string
}

/**
 * Records that a partition holds on the broker what the page log assigned, up to an offset. Returns the token of the messages
 * that are appended from now on. Fails where the lease or the server is another one by now.
 */
export async function recordVerified(at: VerifiedAt, upTo: number): Promise<string> {
  const token = randomBytes(6).toString('base64url')
  await note(at, upTo, token)
  return token
}

/** Records that a partition holds something else behind an offset. */
export async function recordDiverged(at: VerifiedAt, upTo: number): Promise<void> {
  await note(at, upTo, null)
}

async function note({ sql, schema, topic, partition, term, server }: VerifiedAt, upTo: number, token: string | null) {
  await sql.query(`select ${schema}.record_verified($1, $2, $3, $4, $5, $6)`, [
    topic.epoch,
    partition,
    term.toString(),
    server,
    upTo,
    token,
  ])
}

/** Which server answers: a restart, a fail-over and an older copy change it. */
export async function readServer(sql: Sql, schema: string): Promise<string> {
  const [row] = await sql.query<{ server: string }>(`select ${schema}.server_identity() as server`)
  return row!.server
}
