import type { CrewRole } from '../crew.ts'
import type { Random } from '../random.ts'
import { withClient } from '../with-client.ts'

/** Ends one to three of a crew's connections from the server's side. Says how many; none where the server itself is down. */
export async function terminateBackends(url: string, role: CrewRole, random: Random): Promise<number> {
  const size = random.int(1, 3)
  const ended = withClient(url, (client) =>
    client.query(
      `select pg_terminate_backend(pid) from (
         select pid from pg_stat_activity where application_name like $2 order by random() limit $1) as some`,
      [size, `torture-${role}-%`],
    ),
  )
  return ended.then(
    ({ rows }) => rows.length,
    () => 0,
  )
}
