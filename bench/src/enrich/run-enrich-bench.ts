import { startNats, startPostgres } from '@commitcast/servers'
import { rounded } from '../figures.ts'
import type { BenchOptions } from '../main.ts'
import { openStoredStreams } from '../relay/stored-streams.ts'
import { measureAddedLatency } from './added-latency.ts'
import { openBacklog } from './backlog.ts'
import { carryRows } from './carry-rows.ts'
import { countableSettings } from './count-look-ups.ts'
import { planEnrich } from './enrich-rows.ts'

/**
 * Makes live messages with two kinds of metadata, and counts in a table, of a backlog that lies in JetStream. Contenders are
 * processes of their own and take turns, every other round in reverse. Medians are told, and medians of the ratios within a
 * round. Then the latency is measured that the stream worker adds at 500 events a second.
 */
export async function runEnrichBench(options: BenchOptions) {
  const { onLine, quick } = options
  const { rows, events, latencyRounds: rounds } = planEnrich(options)
  await using postgres = await startPostgres({ settings: countableSettings })
  await using nats = await startNats()
  await using streams = await openStoredStreams(nats.url)
  const servers = { postgres, nats, streams }
  onLine(`${postgres.origin}; ${nats.origin}; events of 300 B`)
  const carried = async () => {
    await using backlog = await openBacklog(servers, events)
    return await carryRows(rows, { ...servers, backlog, onLine })
  }
  const { queries, ...figures } = rows.length > 0 ? await carried() : { rows: [], ratios: {}, queries: undefined }
  const pace = { perSecond: 500, seconds: quick ? 1 : 5 }
  return {
    bench: 'enrich' as const,
    ...figures,
    ...(queries !== undefined && { queriesPerEvent: rounded(queries / events, 4) }),
    ...(rounds > 0 && { addedLatencyMs: await measureAddedLatency({ ...servers, rounds, pace, onLine }) }),
  }
}
