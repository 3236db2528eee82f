import { channelsOf } from '../read-side/read-side-story.ts'
import { withClient } from '../with-client.ts'
import type { Expected } from './check-stream.ts'
import type { ClientPlan } from './live-client.ts'
import type { Told } from './stream-record.ts'

/** What each client should have got, as the ledger has it when nobody writes any more. */
export async function readExpected(
  databaseUrl: string,
  plans: readonly ClientPlan[],
): Promise<ReadonlyMap<ClientPlan, Expected>> {
  const rows = await readLedger(databaseUrl)
  return new Map(
    plans.map((plan) => {
      const isFollowed = (row: Told) => channelsOf(row).some((channel) => plan.channels.includes(channel))
      return [plan, Map.groupBy(rows.filter(isFollowed), ({ key }) => key)]
    }),
  )
}

async function readLedger(connectionString: string): Promise<Told[]> {
  const { rows } = await withClient(connectionString, (client) =>
    client.query<{ id: string; key: string; n: string }>('select id, key, n from torture.ledger order by key, n'),
  )
  return rows.map(({ id, key, n }) => ({ id, key, n: Number(n) }))
}
