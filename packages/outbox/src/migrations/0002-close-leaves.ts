import type { Migration } from '../migrate.ts'

/** Made the function `refuse_late`, once. */
export const closeLeaves: Migration = { version: 2, name: 'close leaves', sql: () => '' }
