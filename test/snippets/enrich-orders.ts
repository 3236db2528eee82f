import { createCommitcast, defineChannels, defineEvents, type LiveEventOf } from 'commitcast'
import { postgresBroker } from 'commitcast/postgres'
import { z } from 'zod'
import { connectionString, db } from './shop-database.ts'

const events = defineEvents({
  'order.placed': { data: z.object({ customerId: z.string(), bookId: z.number() }) },
  'basket.ordered': { data: z.object({ customerId: z.string(), bookIds: z.array(z.number()) }) },
  'order.delivered': { data: z.object({ customerId: z.string() }) },
  'book.renamed': { data: z.object({ bookId: z.number(), title: z.string() }) },
})
const broker = postgresBroker({ connectionString })
const cast = createCommitcast({ app: 'shop', events, db, broker })

// #region load
/** One query for all books of a batch. An id that is not in the Map leaves the metadata missing. */
async function booksById(ids: readonly number[]) {
  const books = await db.selectFrom('books').selectAll().where('id', 'in', ids).execute()
  return new Map(books.map((book) => [book.id, book]))
}
// #endregion load

// #region live
const channels = defineChannels({ customer: ['id'] })

const withBooks = cast
  // The channels of an event. Without any it goes to no client, and nothing is looked up for it.
  .live({ channels: (event) => ('customerId' in event.data ? [channels.customer(event.data.customerId)] : []) })
  // A kind of metadata: which id an event needs, if any, and one look-up for all ids of a batch.
  .enrich('book', { id: (event) => (event.type === 'order.placed' ? event.data.bookId : undefined), load: booksById })
// #endregion live

// #region several
export const withBaskets = withBooks.enrich('books', {
  id: (event) => (event.type === 'basket.ordered' ? event.data.bookIds : undefined),
  load: booksById,
})
// #endregion several

// #region show
type LiveOrder = LiveEventOf<typeof events, { readonly book?: { readonly title: string } }>

/** What a screen makes of it. */
export function titleOf({ metadata, failed }: LiveOrder): string {
  if (metadata.book) return metadata.book.title
  return failed?.includes('book') ? 'a book (we could not look up which)' : 'a book that is no longer there'
}
// #endregion show

// #region cache
export const live = withBooks.enrich('keptBook', {
  id: (event) => (event.type === 'order.placed' ? event.data.bookId : undefined),
  load: booksById,
  cache: {
    maxEntries: 10_000,
    ttlMs: 60_000,
    // From this event on the title is looked up anew.
    invalidateOn: { 'book.renamed': (event) => event.data.bookId },
  },
})
// #endregion cache

// #region work
export async function work(signal: AbortSignal) {
  await cast.run({ roles: ['stream'], use: [live], signal })
}
// #endregion work
