import type { trpc } from '../trpc.ts'

/** A book as the search finds it. */
export type Book = Awaited<ReturnType<typeof trpc.books.query>>[number]
