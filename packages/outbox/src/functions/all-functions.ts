import { activeMembers } from './active-members.ts'
import { append } from './append.ts'
import { appendAll } from './append-all.ts'
import { appendToAggregate } from './append-to-aggregate.ts'
import { assignOffsets } from './assign-offsets.ts'
import { bindApp } from './bind-app.ts'
import { checkCluster } from './check-cluster.ts'
import { checkServer } from './check-server.ts'
import { commitOffset } from './commit-offset.ts'
import { createSegments } from './create-segments.ts'
import { cutPosition } from './cut-position.ts'
import { deleteShadowGroups } from './delete-shadow-groups.ts'
import { dueInMs } from './due-in-ms.ts'
import { endEpoch } from './end-epoch.ts'
import { endRebuild } from './end-rebuild.ts'
import { fireDue } from './fire-due.ts'
import { forEarlierReleases } from './for-earlier-releases.ts'
import { holdLease } from './hold-lease.ts'
import { loadProcess } from './load-process.ts'
import { lockShadow } from './lock-shadow.ts'
import { maxEventBytes } from './max-event-bytes.ts'
import { migratedUpTo } from './migrated-up-to.ts'
import { newEpoch } from './new-epoch.ts'
import { offsetsBefore } from './offsets-before.ts'
import { parkRefused } from './park-refused.ts'
import { partitions } from './partitions.ts'
import { prepareEvent } from './prepare-event.ts'
import { readAggregate } from './read-aggregate.ts'
import { readClusterIdentity } from './read-cluster-identity.ts'
import { readIds } from './read-ids.ts'
import { readPages } from './read-pages.ts'
import { recordVerified } from './record-verified.ts'
import { refuseChange } from './refuse-change.ts'
import { refuseEvent } from './refuse-event.ts'
import { refuseLate } from './refuse-late.ts'
import { refuseOlderSnapshot } from './refuse-older-snapshot.ts'
import { registerGroupReleases } from './register-group-releases.ts'
import { renewLeases } from './renew-leases.ts'
import { retryParked } from './retry-parked.ts'
import { schedule } from './schedule.ts'
import { segmentEnd } from './segment-end.ts'
import { serverIdentity } from './server-identity.ts'
import { setGroupOffsets } from './set-group-offsets.ts'
import type { SqlFunction } from './sql-function.ts'
import { startGroup } from './start-group.ts'
import { thisCluster } from './this-cluster.ts'
import { tryAppendToAggregate } from './try-append-to-aggregate.ts'
import { unschedule } from './unschedule.ts'
import { uuidV7 } from './uuid-v7.ts'
import { visibleUpTo } from './visible-up-to.ts'

/** What triggers, defaults and views call. */
export const functionsOfTables: readonly SqlFunction[] = [thisCluster, prepareEvent, refuseChange, refuseLate, uuidV7]

/** The same under the names that migrations before 17 know: they exist before the tables do. */
export const functionsOfFirstTables: readonly SqlFunction[] = functionsOfTables.map((each) =>
  under(each, { this_cluster: 'here', prepare_event: 'place_event' }),
)

function under({ signature, sql }: SqlFunction, names: Readonly<Record<string, string>>): SqlFunction {
  const [now] = signature.split('(') as [string]
  const before = names[now] ?? now
  return { signature: signature.replace(now, before), sql: (s) => sql(s).replace(`${s}.${now}(`, `${s}.${before}(`) }
}

/** All others. These come after the tables: they may name a row's type, and what `topic` says. */
export const functionsOnTables: readonly SqlFunction[] = [
  append,
  appendAll,
  tryAppendToAggregate,
  appendToAggregate,
  readAggregate,
  bindApp,
  checkCluster,
  checkServer,
  commitOffset,
  cutPosition,
  endEpoch,
  endRebuild,
  deleteShadowGroups,
  assignOffsets,
  holdLease,
  segmentEnd,
  activeMembers,
  loadProcess,
  lockShadow,
  createSegments,
  maxEventBytes,
  migratedUpTo,
  newEpoch,
  recordVerified,
  offsetsBefore,
  parkRefused,
  partitions,
  setGroupOffsets,
  readClusterIdentity,
  readIds,
  readPages,
  refuseEvent,
  refuseOlderSnapshot,
  schedule,
  unschedule,
  fireDue,
  dueInMs,
  registerGroupReleases,
  renewLeases,
  retryParked,
  serverIdentity,
  visibleUpTo,
  startGroup,
  ...forEarlierReleases,
]
