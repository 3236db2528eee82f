import { createOutbox } from './0001-create-outbox.ts'
import { closeLeaves } from './0002-close-leaves.ts'
import { parkEvents } from './0003-park-events.ts'
import { epochs } from './0004-epochs.ts'
import { consumerGroups } from './0005-consumer-groups.ts'
import { rebuilds } from './0006-rebuilds.ts'
import { answers } from './0007-answers.ts'
import { repairTables } from './0008-repair-tables.ts'
import { retries } from './0009-retries.ts'
import { verified } from './0010-verified.ts'
import { groupReleases } from './0011-group-releases.ts'
import { steppedOver } from './0012-stepped-over.ts'
import { memberTtl } from './0013-member-ttl.ts'
import { eventBytes } from './0014-event-bytes.ts'
import { app } from './0015-app.ts'
import { topicId } from './0016-topic-id.ts'
import { newNames } from './0017-new-names.ts'
import { scheduledEvents } from './0018-scheduled-events.ts'
import { aggregates } from './0019-aggregates.ts'
import { processes } from './0020-processes.ts'
import { subjectKeys } from './0021-subject-keys.ts'
import { snapshotSubjects } from './0022-snapshot-subjects.ts'
import type { Migration } from './migration.ts'

export const allMigrations: readonly Migration[] = [
  createOutbox,
  closeLeaves,
  parkEvents,
  epochs,
  consumerGroups,
  rebuilds,
  answers,
  repairTables,
  retries,
  verified,
  groupReleases,
  steppedOver,
  memberTtl,
  eventBytes,
  app,
  topicId,
  newNames,
  scheduledEvents,
  aggregates,
  processes,
  subjectKeys,
  snapshotSubjects,
]

/** The number of the newest one. */
export const newestMigration = Math.max(...allMigrations.map(({ version }) => version))
