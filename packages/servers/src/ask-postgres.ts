import { withTimeout } from '@commitcast/worker'
import pg from 'pg'

/** Runs one statement on a connection of its own. Takes `answerMs` at most, connecting included. */
export async function askPostgres(
  url: string,
  statement: string,
  answerMs = 10_000,
): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: answerMs, query_timeout: answerMs })
  // A connection that dies later must not end the process: the statement's own rejection says it all.
  client.on('error', () => {})
  try {
    await client.connect()
    const { rows } = await client.query<Record<string, unknown>>(statement)
    return rows
  } finally {
    await withTimeout(() => client.end(), { ms: 500, what: 'closing the connection' }).catch(() => {})
  }
}

/** Resolves when the server at `url` runs a query; with `folder`, only when that is where it keeps its data. */
export async function postgresAnswers(url: string, folder?: string): Promise<void> {
  const setting = folder === undefined ? 'server_version' : 'data_directory'
  const [answer] = await askPostgres(url, `select current_setting('${setting}') as value`)
  if (folder !== undefined && answer?.value !== folder) throw new Error(`another Postgres answers at ${url}`)
}
