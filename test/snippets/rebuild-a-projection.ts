import { cancelRebuild, listRebuilds, sqlOf, startRebuild } from 'commitcast/operations'
import { db } from './keep-a-read-model.ts'

// #region start
/** Once the new code runs everywhere, and the old nowhere. */
export async function rebuildSales() {
  await startRebuild(sqlOf(db), { schema: 'commitcast', group: 'sales' })
}
// #endregion start

// #region watch
export async function showRebuilds() {
  for (const { group, behind, parked, waitingFor } of await listRebuilds(sqlOf(db), { schema: 'commitcast' })) {
    console.log(`${group}: ${behind ?? 'an unknown number of'} events to go, ${parked} parked`, waitingFor ?? '')
  }
}
// #endregion watch

// #region cancel
export async function giveUp() {
  await cancelRebuild(sqlOf(db), { schema: 'commitcast', group: 'sales' })
}
// #endregion cancel
