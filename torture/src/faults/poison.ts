import type { Random } from '../random.ts'
import { poisonKey } from '../read-side/read-side-story.ts'
import { withClient } from '../with-client.ts'

/** What SQL may write that no reader can read, or that breaks careless ones: data and headers. */
const poisons = [
  { data: '{"n":1}', headers: '{"notes":"gift wrap"}' },
  { data: '{"n":1}', headers: '{"version":"v2"}' },
  { data: '{"n":1}', headers: '{"version":"99999999999999999999"}' },
  { data: '{"n":1}', headers: String.raw`{"actor":"\ud83d"}` },
  { data: '{"n":1,"constructor":"ACME"}', headers: '{}' },
  { data: '{"__proto__":{"n":1}}', headers: '{}' },
  { data: String.raw`{"n":1,"text":"\ud83d"}`, headers: '{}' },
  { data: `${'['.repeat(2_000)}${']'.repeat(2_000)}`, headers: '{}' },
  { data: '{"n":1}', headers: String.raw`{"notes":"[[\"Date\"]]"}` },
] as const

/** Appends such events by SQL, all of one key, and says how many the database took: it refuses what it can tell. Throws where it can't be asked. */
export async function poison(url: string, random: Random): Promise<number> {
  return withClient(url, async (client) => {
    let taken = 0
    for (const { data, headers } of random.shuffled(poisons)) {
      const { rowCount } = await client
        .query('insert into torture.poison (id) select commitcast.append($1, $2, $3::json, $4::json)', [
          'thing.happened',
          poisonKey,
          data,
          headers,
        ])
        .catch(refused)
      taken += rowCount ?? 0
    }
    return taken
  })
}

/** What the database itself refuses harms nobody. */
function refused(error: unknown): { rowCount: number } {
  if (!/^(22|23|54)/.test(String((error as { code?: unknown }).code))) throw error
  return { rowCount: 0 }
}
