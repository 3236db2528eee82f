import type { CommittedEvent } from '@commitcast/events'
import type { Enricher, Enrichment } from '@commitcast/stream'
import type { Sql } from '@commitcast/worker'
import { channelsOf, ownerIdOf, type StoryEvent, tintIdOf } from './read-side-story.ts'

/** Two kinds of metadata from tables, and channels. */
export function createEnrichment(sql: Sql): Enrichment {
  const owner: Enricher<CommittedEvent, string, number> = {
    id: (event) => ownerIdOf(storyOf(event)),
    async load(ids) {
      const rows = await sql.query<{ id: string; rank: number }>(
        'select id, rank from torture.owner where id = any($1)',
        [ids],
      )
      return new Map(rows.map(({ id, rank }) => [id, rank]))
    },
  }
  const tint: Enricher<CommittedEvent, number, { name: string }> = {
    id: (event) => tintIdOf(storyOf(event)),
    async load(ids) {
      const rows = await sql.query<{ id: number; name: string }>(
        'select id, name from torture.tint where id = any($1)',
        [ids],
      )
      return new Map(rows.map(({ id, name }) => [id, { name }]))
    },
  }
  return {
    enrichers: { owner, tint } as unknown as Enrichment['enrichers'],
    channels: (event) => channelsOf(storyOf(event)),
  }
}

function storyOf({ key, data }: CommittedEvent): StoryEvent {
  return { key, n: (data as { n: number }).n }
}
