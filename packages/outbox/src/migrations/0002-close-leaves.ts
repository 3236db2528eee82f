import type { Migration } from './migration.ts'

/** Made the function `refuse_late`, once. */
export const closeLeaves: Migration = { version: 2, name: 'close leaves', sql: () => '' }
