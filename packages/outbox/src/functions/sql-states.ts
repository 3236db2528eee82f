/** SQLSTATEs of our own; class OB is ours. These two: the database's transaction ids can't be trusted any more. */
export const restoredState = 'OB001'
export const wentBackState = 'OB002'
/** It is not known which rows came with the dump, and which were written here since. */
export const boundaryNeededState = 'OB003'
/** What is remembered of the database has to be asked for again. */
export const startedAnewState = 'OB004'
/** The lease has another term. */
export const leaseLostState = 'OB005'
/** The stored offset is not the one that the worker began from. */
export const offsetMovedState = 'OB009'
/** The tables have another number of partitions. */
export const otherPartitionsState = 'OB006'
/** The tables are there, and the rows that say which migrations made them are not. */
export const schemaOnlyState = 'OB010'
/** The encoding of the database can't hold every text. */
export const otherEncodingState = 'OB011'
/** Workers run, and a migration needs them stopped. */
export const workersRunState = 'OB012'
/** The worker is of a release before a migration that needed all workers stopped. */
export const workerOutdatedState = 'OB013'
/** Another writer appended to the aggregate first. */
export const versionConflictState = 'OB019'
