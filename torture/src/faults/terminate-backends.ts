import pg from 'pg'
import type { CrewRole } from '../crew.ts'
import type { Random } from '../random.ts'

/** Ends one to three of a crew's connections from the server's side. Says how many. */
export async function terminateBackends(url: string, role: CrewRole, random: Random): Promise<number> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1_000 })
  client.on('error', () => {})
  const size = random.int(1, 3)
  try {
    await client.connect()
    const { rows } = await client.query(
      `select pg_terminate_backend(pid) from (
         select pid from pg_stat_activity where application_name like $2 order by random() limit $1) as some`,
      [size, `torture-${role}-%`],
    )
    return rows.length
  } catch {
    // The server itself is down just now.
    return 0
  } finally {
    await client.end().catch(() => {})
  }
}
