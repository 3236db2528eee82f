import { append } from './append.ts'
import { appendAll } from './append-all.ts'
import { bindApp } from './bind-app.ts'
import { checkHome } from './check-home.ts'
import { checkServer } from './check-server.ts'
import { commitOffset, commitOffsetOfOldWorkers } from './commit-offset.ts'
import { cutPosition } from './cut-position.ts'
import { endEpoch } from './end-epoch.ts'
import { endRebuild } from './end-rebuild.ts'
import { forgetShadows } from './forget-shadows.ts'
import { givePages } from './give-pages.ts'
import { here } from './here.ts'
import { holdLease } from './hold-lease.ts'
import { leafEnd } from './leaf-end.ts'
import { livingMembers } from './living-members.ts'
import { lockShadow } from './lock-shadow.ts'
import { makeLeaves } from './make-leaves.ts'
import { maxEventBytes } from './max-event-bytes.ts'
import { migratedUpTo } from './migrated-up-to.ts'
import { newEpoch } from './new-epoch.ts'
import { noteVerified } from './note-verified.ts'
import { offsetsBefore } from './offsets-before.ts'
import { parkRefused } from './park-refused.ts'
import { partitions } from './partitions.ts'
import { placeEvent } from './place-event.ts'
import { putGroup } from './put-group.ts'
import { readHome } from './read-home.ts'
import { readIds } from './read-ids.ts'
import { readPages } from './read-pages.ts'
import { refuseChange } from './refuse-change.ts'
import { refuseEvent } from './refuse-event.ts'
import { refuseLate } from './refuse-late.ts'
import { refusePast } from './refuse-past.ts'
import { registerReleases } from './register-releases.ts'
import { renewLeases } from './renew-leases.ts'
import { retryParked } from './retry-parked.ts'
import { serverIdentity } from './server-identity.ts'
import { shownUpTo } from './shown-up-to.ts'
import type { SqlFunction } from './sql-function.ts'
import { startGroup } from './start-group.ts'
import { uuidV7 } from './uuid-v7.ts'

/** What triggers, defaults and views call. These exist before the tables do, and their signatures never change. */
export const functionsOfTables: readonly SqlFunction[] = [here, placeEvent, refuseChange, refuseLate, uuidV7]

/** All others. These come after the tables: they may speak of a row's type, and of what `topic` says. */
export const functionsOnTables: readonly SqlFunction[] = [
  append,
  appendAll,
  bindApp,
  checkHome,
  checkServer,
  commitOffset,
  commitOffsetOfOldWorkers,
  cutPosition,
  endEpoch,
  endRebuild,
  forgetShadows,
  givePages,
  holdLease,
  leafEnd,
  livingMembers,
  lockShadow,
  makeLeaves,
  maxEventBytes,
  migratedUpTo,
  newEpoch,
  noteVerified,
  offsetsBefore,
  parkRefused,
  partitions,
  putGroup,
  readHome,
  readIds,
  readPages,
  refuseEvent,
  refusePast,
  registerReleases,
  renewLeases,
  retryParked,
  serverIdentity,
  shownUpTo,
  startGroup,
]
